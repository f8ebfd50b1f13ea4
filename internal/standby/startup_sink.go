package standby

import (
	"encoding/binary"
	"io"
)

// startupSink swallows the first message written to it, the startup message of a session that has long
// started, and passes on everything after.
type startupSink struct {
	to      io.Writer
	header  []byte // the message's length field, until it is whole
	left    int    // bytes of the message still to come
	started bool   // the message is over
}

func (s *startupSink) Write(p []byte) (int, error) {
	if s.started {
		return s.to.Write(p)
	}
	swallowed := s.swallow(p)
	if swallowed == len(p) {
		return len(p), nil
	}
	n, err := s.to.Write(p[swallowed:])
	return swallowed + n, err
}

// swallow consumes what p holds of the startup message and says how much that was.
func (s *startupSink) swallow(p []byte) int {
	n := 0
	for len(s.header) < 4 && n < len(p) {
		s.header = append(s.header, p[n])
		n++
		if len(s.header) == 4 {
			s.left = max(0, int(binary.BigEndian.Uint32(s.header))-4)
		}
	}
	if len(s.header) < 4 {
		return n
	}
	rest := min(s.left, len(p)-n)
	s.left -= rest
	s.started = s.left <= 0
	return n + rest
}

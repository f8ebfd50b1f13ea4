package fleet

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
)

// errDown is what the source answers during an outage, and errLate what a client makes of an answer that comes too late.
var (
	errDown = errors.New("the source is down")
	errLate = errors.New("the source has not answered in time")
)

// server is the source of all instances.
type server struct {
	Config
	free time.Duration // when it has answered all that it was asked
}

// ask asks for something, and returns when the answer comes and what it is.
func (s *server) ask(now time.Duration) (ends time.Duration, err error) {
	for _, w := range s.Outages {
		if w.Contains(now) {
			return now + s.Latency, errDown
		}
	}
	if s.Capacity <= 0 {
		return now + s.Latency, nil
	}
	turn, limit := max(s.free, now), now+s.timeout()
	if turn > limit && !s.Stubborn {
		return limit, errLate
	}
	s.free = turn + time.Duration(float64(time.Second)/s.Capacity)
	if ends = s.free + s.Latency; ends > limit {
		return limit, errLate
	}
	return ends, nil
}

// timeout is how long an instance waits for an answer, where leases are not of seconds.
func (s *server) timeout() time.Duration {
	if s.Settings.FetchTimeout > 0 {
		return s.Settings.FetchTimeout
	}
	return refresh.DefaultFetchTimeout
}

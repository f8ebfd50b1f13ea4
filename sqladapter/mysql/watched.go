package mysql

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rekeyhq/rekey/sqladapter"
)

// Times of an end.
const (
	// endGrace is how long a server that has nothing to do takes to close its end.
	endGrace = 50 * time.Millisecond
	// endPatience is the wait for the end of a session that was told to end.
	endPatience = 500 * time.Millisecond
)

// watched is the socket of a session, beneath the one that the adapter counts. When a context ends, the driver does no more
// than close the socket, which a server that is at work does not look at: the session would go on beside the budget. So the
// server is told to end it, and Close returns when the server has.
type watched struct {
	net.Conn
	session *sqladapter.Session
	kill    func(ctx context.Context, s *sqladapter.Session, id uint32)

	id    atomic.Uint32 // the server's number of the session; zero before it is known
	over  context.Context
	ended context.CancelFunc // of over: the server has closed its end

	greetMu  sync.Mutex // guards the greeting
	greeting []byte

	hurry, end sync.Once
	told       chan struct{} // closed when the server was told, or need not be; made by hurry
	err        error         // of end
}

// watch returns conn, watched for s.
func watch(conn net.Conn, s *sqladapter.Session, kill func(context.Context, *sqladapter.Session, uint32)) net.Conn {
	w := &watched{Conn: conn, session: s, kill: kill}
	w.over, w.ended = context.WithCancel(context.Background())
	if raw, ok := conn.(syscall.Conn); ok {
		return struct {
			*watched
			syscall.Conn
		}{w, raw}
	}
	return w
}

// Read looks for the number of the session in what comes first, and for the end.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && w.id.Load() == 0 {
		w.greet(p[:n])
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, net.ErrClosed) {
		w.ended()
	}
	return n, err
}

// greetingLimit is more than a server's greeting has before the number.
const greetingLimit = 512

// greet takes in some of the server's greeting: a header of four bytes, the protocol, the server's version as a string that
// ends with a zero, and the number.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase_packets_protocol_handshake_v10.html
func (w *watched) greet(p []byte) {
	const versionAt = 5
	w.greetMu.Lock()
	defer w.greetMu.Unlock()
	if len(w.greeting) > greetingLimit {
		return
	}
	w.greeting = append(w.greeting, p...)
	if len(w.greeting) <= versionAt || w.greeting[versionAt-1] != 10 {
		return
	}
	end := bytes.IndexByte(w.greeting[versionAt:], 0)
	if numberAt := versionAt + end + 1; end >= 0 && len(w.greeting) >= numberAt+4 {
		w.id.Store(binary.LittleEndian.Uint32(w.greeting[numberAt:]))
		w.greeting = nil
	}
}

// SetReadDeadline is called with a time long past by whoever is about to close the socket. Of a session that was broken off
// the server may not take notice.
func (w *watched) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && time.Since(t) > time.Hour {
		w.hasten()
	}
	return w.Conn.SetReadDeadline(t)
}

// hasten sees to it that the server is told to end a session that was broken off, if it does not do so by itself.
func (w *watched) hasten() {
	w.hurry.Do(func() {
		w.told = make(chan struct{})
		if w.id.Load() == 0 || w.over.Err() != nil || !w.session.BrokenOff() {
			close(w.told)
			return
		}
		go w.tell()
	})
}

// tell tells the server, once it has had the time to find out by itself. It ends by itself soon after that.
func (w *watched) tell() {
	defer close(w.told)
	timer := time.NewTimer(endGrace)
	defer timer.Stop()
	select {
	case <-w.over.Done():
	case <-timer.C:
		w.kill(w.over, w.session, w.id.Load())
	}
}

// Close closes the socket once the server has ended the session, or will not be moved to.
func (w *watched) Close() error {
	w.end.Do(func() {
		w.hasten()
		if half, ok := w.Conn.(interface{ CloseWrite() error }); ok {
			half.CloseWrite() // which ends a session that waits for its client
		}
		w.drain()
		w.err = w.Conn.Close()
		w.ended()
	})
	return w.err
}

// drain reads until the server has closed its end, for at most endPatience after it was told to. Where there was nothing to
// tell it, there is no wait.
func (w *watched) drain() {
	select {
	case <-w.told:
		if w.over.Err() != nil || !w.session.BrokenOff() || w.id.Load() == 0 {
			return
		}
	default:
	}
	w.Conn.SetReadDeadline(time.Time{})
	go func() {
		<-w.told
		w.Conn.SetReadDeadline(time.Now().Add(endPatience))
	}()
	buffer := make([]byte, 4096)
	for w.over.Err() == nil {
		if _, err := w.Read(buffer); err != nil {
			break
		}
	}
	<-w.told
}

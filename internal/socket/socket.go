// Package socket counts a server session as open until the server has ended it.
package socket

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// LingerTimeout bounds the wait for the server to end a session after its goodbye. The server's process is
// gone a few milliseconds after it; a network that is down must not hold up a pool for longer than this.
const LingerTimeout = 500 * time.Millisecond

// Socket counts a session as open until the server has ended it. A driver closes its socket right after its goodbye;
// the server's process lives on for a moment, and a session that is made in that moment would be one too many.
// It is safe for concurrent use.
type Socket struct {
	net.Conn
	once    sync.Once
	closing func()
	ended   func(*Socket)
	cause   atomic.Pointer[error] // why it was cut off
}

// New wraps conn. closing is called first of all, by whoever closes; ended once, when the session is gone, by any
// goroutine.
func New(conn net.Conn, closing func(), ended func(*Socket)) *Socket {
	return &Socket{Conn: conn, closing: closing, ended: ended}
}

// NetConn returns the connection beneath, as that of a *tls.Conn does: what the user's dial function has returned.
func (s *Socket) NetConn() net.Conn { return s.Conn }

// Close kicks out whoever reads, then waits beside the caller for the server to close its end.
func (s *Socket) Close() error {
	s.once.Do(func() {
		s.closing()
		s.Conn.SetReadDeadline(time.Unix(1, 0))
		go s.linger()
	})
	return nil
}

// linger ends by itself within LingerTimeout.
func (s *Socket) linger() {
	limit := time.AfterFunc(LingerTimeout, func() { s.Conn.Close() }) // not every net.Conn heeds deadlines
	defer limit.Stop()
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite() // which ends a session that got no goodbye, and waits for its client
	}
	s.Conn.SetReadDeadline(time.Now().Add(LingerTimeout))
	io.Copy(io.Discard, s.Conn)
	s.Conn.Close()
	s.ended(s)
}

// Cut is Abort, and what whoever uses the socket is told of it.
func (s *Socket) Cut(cause error) {
	s.cause.Store(&cause)
	s.Abort()
}

// Read tells why the socket was cut off.
func (s *Socket) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	return n, s.because(err)
}

// Write tells why the socket was cut off.
func (s *Socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	return n, s.because(err)
}

func (s *Socket) because(err error) error {
	if err == nil {
		return nil
	}
	if cause := s.cause.Load(); cause != nil {
		return *cause
	}
	return err
}

// Abort closes the socket at once, also one that lingers.
func (s *Socket) Abort() {
	s.once.Do(func() {
		s.closing()
		s.Conn.Close()
		s.ended(s)
	})
	s.Conn.Close()
}

// Package socket counts a server session as open until the server has ended it.
package socket

import (
	"io"
	"net"
	"sync"
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
	s.Conn.SetReadDeadline(time.Now().Add(LingerTimeout))
	io.Copy(io.Discard, s.Conn)
	s.Conn.Close()
	s.ended(s)
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

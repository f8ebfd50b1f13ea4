package managedpool

import (
	"io"
	"net"
	"sync"
	"time"
)

// lingerTimeout bounds the wait for the server to end a session after its goodbye. The server's process is
// gone a few milliseconds after it; a network that is down must not hold up a pool for longer than this.
const lingerTimeout = 500 * time.Millisecond

// socket counts a session as open until the server has ended it. pgx closes a socket right after its goodbye;
// the server's process lives on for a moment, and a session that is made in that moment would be one too many.
type socket struct {
	net.Conn
	once    sync.Once
	closing func() // called first of all, by whoever closes
	ended   func() // called once, when the session is gone
}

// NetConn returns the connection beneath, as that of a *tls.Conn does: what the user's DialFunc has returned.
func (s *socket) NetConn() net.Conn { return s.Conn }

// Close kicks out whoever reads, then waits beside the caller for the server to close its end.
func (s *socket) Close() error {
	s.once.Do(func() {
		s.closing()
		s.Conn.SetReadDeadline(time.Unix(1, 0))
		go s.linger()
	})
	return nil
}

// linger ends by itself within lingerTimeout.
func (s *socket) linger() {
	limit := time.AfterFunc(lingerTimeout, func() { s.Conn.Close() }) // not every net.Conn heeds deadlines
	defer limit.Stop()
	s.Conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	io.Copy(io.Discard, s.Conn)
	s.Conn.Close()
	s.ended()
}

// abort closes the socket at once, also one that lingers.
func (s *socket) abort() {
	s.once.Do(func() {
		s.closing()
		s.Conn.Close()
		s.ended()
	})
	s.Conn.Close()
}

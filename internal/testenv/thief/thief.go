// Package thief plays a server that stands where PostgreSQL should, and wants the password.
package thief

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// patience bounds a conversation.
const patience = 20 * time.Second

// Thief is a server that asks for passwords in clear.
type Thief struct {
	listener net.Listener
	work     sync.WaitGroup

	mu         sync.Mutex // guards the rest
	asked, got int
}

// New starts one, for the time of the test.
func New(t testing.TB) *Thief {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	th := &Thief{listener: listener}
	th.work.Go(th.serve)
	t.Cleanup(func() {
		listener.Close()
		th.work.Wait()
	})
	return th
}

// Port is where it listens, on 127.0.0.1.
func (th *Thief) Port() string {
	_, port, _ := net.SplitHostPort(th.listener.Addr().String())
	return port
}

// Results says how often it has asked, and how often a client gave it the password.
func (th *Thief) Results() (asked, got int) {
	th.mu.Lock()
	defer th.mu.Unlock()
	return th.asked, th.got
}

func (th *Thief) serve() {
	for {
		conn, err := th.listener.Accept()
		if err != nil {
			return
		}
		th.ask(conn)
		conn.Close()
	}
}

func (th *Thief) ask(conn net.Conn) {
	conn.SetDeadline(time.Now().Add(patience))
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	if backend.Flush() != nil {
		return
	}
	th.mu.Lock()
	th.asked++
	th.mu.Unlock()
	backend.SetAuthType(pgproto3.AuthTypeCleartextPassword)
	if m, err := backend.Receive(); err == nil {
		if _, ok := m.(*pgproto3.PasswordMessage); ok {
			th.mu.Lock()
			th.got++
			th.mu.Unlock()
		}
	}
}

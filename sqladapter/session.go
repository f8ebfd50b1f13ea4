package sqladapter

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rekeyhq/rekey/internal/socket"
)

// Session is what an adapter knows of one session on the server, from before its dial until it is gone. Drivers whose
// connections are not wrapped keep it with the connection; others have no use for it. It is safe for concurrent use,
// and a nil *Session, that of a connection which is no adapter's, does nothing.
type Session struct {
	adapter    *adapter
	generation atomic.Pointer[generation] // changed under the registry's lock

	suspect atomic.Bool // the server sent an error that a revoked role causes
	leaving atomic.Bool // told to go
	pooled  atomic.Bool // database/sql has it
	cut     atomic.Bool // closed under its user, and counted
	dialing atomic.Bool // the driver has asked for a socket

	usedAt atomic.Int64 // when a caller has begun to use it, in Unix nanoseconds

	conn driver.Conn // the driver's own; set before anybody else sees the session

	place  place         // guarded by the registry's lock
	closed chan struct{} // closed when the registry forgets the session

	// Guarded by the registry's lock.

	socket  *socket.Socket // the last one dialled, nil before, or if the driver does not let it be seen
	dialled bool           // the attempt to log in is over
	gone    bool           // the socket was closed
}

type sessionKey struct{}

// SessionFrom returns the session that a connector's Connect is asked to make, from the context that it gets; nil in
// any other context.
func SessionFrom(ctx context.Context) *Session {
	s, _ := ctx.Value(sessionKey{}).(*Session)
	return s
}

// DialFunc connects to a server, as net.Dialer's DialContext does.
type DialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// Counted returns a dial function that counts the sockets which dial makes for an adapter, and lets all others pass: a
// request to cancel, for one, belongs to no session. nil means that of a net.Dialer.
func Counted(dial DialFunc) DialFunc {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		s := SessionFrom(ctx)
		if s != nil {
			s.dialing.Store(true)
		}
		conn, err := dial(ctx, network, address)
		if err != nil || s == nil {
			return conn, err
		}
		counted := s.count(conn)
		if err := ctx.Err(); err != nil {
			counted.Close()
			return nil, err
		}
		return counted, nil
	}
}

// count keeps the session open until the server has closed conn. What drivers look for in a net.Conn stays to be found.
func (s *Session) count(conn net.Conn) net.Conn {
	sessions := s.adapter.sessions
	counted := socket.New(conn, func() { sessions.closing(s) }, func(gone *socket.Socket) { sessions.socketEnded(s, gone) })
	sessions.attach(s, counted)
	if raw, ok := conn.(syscall.Conn); ok {
		return struct {
			*socket.Socket
			syscall.Conn
		}{counted, raw}
	}
	return counted
}

// Failed tells the adapter of an error that the server sent on the session.
func (s *Session) Failed(err error) {
	if s != nil && err != nil {
		s.adapter.failed(s, err)
	}
}

// Reused is for a driver's ResetSession: for a connection that must not be used once more it returns an error that is
// driver.ErrBadConn and says why.
func (s *Session) Reused(ctx context.Context) error {
	if s == nil || errandOf(ctx) != nil {
		return nil
	}
	s.usedAt.Store(time.Now().UnixNano())
	if s.adapter.sessions.attention.Load() != 0 && s.adapter.turnsAway(ctx, s) {
		s.leaving.Store(true)
		return errUseless
	}
	s.adapter.callers.reused.Add(1)
	return nil
}

// errUseless makes database/sql close a connection and try another.
var errUseless = fmt.Errorf("sqladapter: the login of an open connection has ended: %w", driver.ErrBadConn)

// Idle returns for how long no caller has begun to use the connection, and zero where that is not known. The looks of the
// adapter's own do not count, as they do where a driver measures that in ResetSession.
func (s *Session) Idle() time.Duration {
	if s == nil {
		return 0
	}
	used := s.usedAt.Load()
	if used == 0 {
		return 0
	}
	return time.Since(time.Unix(0, used))
}

// Errand reports whether ctx is that of a look of the adapter's own at an idle connection, which need not be pinged.
func Errand(ctx context.Context) bool { return errandOf(ctx) != nil }

// await waits until the session is gone, which never takes much longer than socket.LingerTimeout once it was told to.
func (s *Session) await() {
	timer := time.NewTimer(2 * socket.LingerTimeout)
	defer timer.Stop()
	select {
	case <-s.closed:
	case <-timer.C:
	}
}

package managedpool

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/socket"
)

// sessionKey is where a connection's session is kept in its CustomData.
const sessionKey = "github.com/rekeyhq/rekey/managedpool"

// session is what the pool knows of one server session, from before its dial until its socket is closed.
type session struct {
	generation atomic.Pointer[generation] // changed under the registry's lock

	conn     atomic.Pointer[pgconn.PgConn] // set when a pool's connection has adopted the session
	suspect  atomic.Bool                   // the server sent an error that a revoked role causes
	denied   atomic.Bool                   // and one of them was about a missing grant
	held     atomic.Bool                   // the pool itself has taken the connection: no hook of the user runs
	pooled   atomic.Bool                   // its connection has been made, AfterConnect and all
	leaving  atomic.Bool                   // told to go
	touched  atomic.Bool                   // the pool itself took it while it was idle, which made it look used
	usedAt   atomic.Int64                  // Unix nanoseconds of the last release, as far as those were looked at
	outdated atomic.Bool                   // Reset was called after it was begun
	unborn   atomic.Bool                   // and before its connection was made: whoever waits for that gets it, once
	cut      atomic.Bool                   // closed under its user, and counted
	stray    atomic.Bool                   // and he has not given it back
	extra    atomic.Bool                   // it has a place in the headroom, not in pgxpool

	login login // set before the session is given to anyone

	birth atomic.Pointer[birth] // of its connection; nil once somebody has taken that

	closed chan struct{} // closed when the registry forgets the session

	parting *pgconn.Pipeline // of whoever has the connection; see part

	// Guarded by the registry's lock.

	socket  *socket.Socket // the last one dialled, nil before
	dialled bool           // the attempt to log in is over
	gone    bool           // the socket was closed
}

// await waits until the session is gone, which never takes much longer than socket.LingerTimeout once it was told to.
func (s *session) await() {
	timer := time.NewTimer(2 * socket.LingerTimeout)
	defer timer.Stop()
	select {
	case <-s.closed:
	case <-timer.C:
	}
}

// part makes pgxpool close a connection that is being released: it takes none back that is busy, and an empty
// pipeline makes it so without sending anything.
func (s *session) part(conn *pgx.Conn) {
	s.leaving.Store(true)
	s.parting = conn.PgConn().StartPipeline(context.Background())
}

// parted ends what part has begun: the connection can be used once more.
func (s *session) parted() {
	if s.parting != nil {
		s.parting.Close()
	}
}

// sessionOf returns the session of a pool's connection; nil for a connection that is not the pool's.
func sessionOf(conn *pgx.Conn) *session {
	s, _ := conn.PgConn().CustomData()[sessionKey].(*session)
	return s
}

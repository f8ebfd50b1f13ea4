package managedpool

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// login is when a session was logged in.
type login struct {
	began time.Time
	took  time.Duration
}

func (l *login) begin() { l.began = time.Now() }
func (l *login) end()   { l.took = time.Since(l.began) }

// LoginOf tells of the login that a pool's connection was made by: the generation of its credential, when it began, and
// how long it took, from the dial to the server's welcome. Where a connection takes over a session that was made before,
// that of a verification or a spare one of a hand-over, it began before the connection did. The generation is zero for a
// connection that is no pool's of this package. It must not be called while another goroutine uses the connection.
func LoginOf(conn *pgx.Conn) (generation uint64, began time.Time, took time.Duration) {
	s := sessionOf(conn)
	if s == nil {
		return 0, time.Time{}, 0
	}
	return s.generation.Load().ID(), s.login.began, s.login.took
}

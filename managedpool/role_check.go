package managedpool

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
)

const (
	// roleCheckInterval keeps an application whose statements fail regularly from paying for it more than a
	// hundredth or so of one connection.
	roleCheckInterval = 100 * time.Millisecond
	// roleCheckTimeout bounds the round trip of a check.
	roleCheckTimeout = time.Second
)

// checkRole asks, on a connection that has come home after an error which a revoked role causes, whether its
// role still exists: that of the session, not one that the application has set. It is one round trip; an ordinary error
// costs no more.
func (p *Pool) checkRole(conn *pgx.Conn, s *session) {
	g := s.generation.Load()
	if g.useless() || conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' || !p.roleCheck.Begin() {
		return
	}
	defer p.roleCheck.End()
	if g.useless() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), roleCheckTimeout)
	defer cancel()
	_, err := conn.PgConn().Exec(ctx, "select session_user").ReadAll()
	if sqlState(err) != undefinedObject {
		return
	}
	g.dead.Store(true)
	p.sessions.look()
	p.reports.revoked(g, &rekey.VerifyError{
		Version: g.credential.Version, Class: rekey.VerifyRefused, SQLState: undefinedObject,
		Err: errors.Join(errors.New("managedpool: the role of an open session no longer exists"), err),
	})
}

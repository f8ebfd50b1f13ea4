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
// costs no more. A role that is there and may not log in any more has lost everything if it was a missing grant that has raised
// the suspicion; else it is a reason to ask the source, while its sessions may go on. Where the turn is another's the suspicion stays, for the next time that the connection comes home.
func (p *Pool) checkRole(conn *pgx.Conn, s *session) {
	g := s.generation.Load()
	if g.Useless() || conn.IsClosed() || conn.PgConn().IsBusy() || conn.PgConn().TxStatus() != 'I' {
		return
	}
	if !p.roleCheck.Begin(context.Background()) {
		if !g.Useless() {
			p.sessions.suspected(s)
		}
		return
	}
	defer p.roleCheck.End()
	if g.Useless() {
		return
	}
	denied := s.denied.Swap(false)
	switch gone, disabled := askRole(conn); {
	case gone != nil:
		p.revoked(g, &rekey.VerifyError{
			Version: g.credential.Version, Class: rekey.VerifyRefused, SQLState: undefinedObject,
			Err: errors.Join(errors.New("managedpool: the role of an open session no longer exists"), gone),
		})
	case disabled && denied:
		p.revoked(g, &rekey.VerifyError{
			Version: g.credential.Version, Class: rekey.VerifyForbidden, SQLState: insufficientPrivilege,
			Err: errors.New("managedpool: the role of an open session may not log in any more, and lacks a grant"),
		})
	case disabled && !g.disabled.Swap(true):
		p.reports.Ask()
	}
}

// revoked keeps callers from the connections of g, and has the engine look for another login.
func (p *Pool) revoked(g *generation, err *rekey.VerifyError) {
	if g.Dead.Swap(true) {
		return // which is told already
	}
	p.sessions.look()
	p.reports.Revoked(g, err)
}

// askRole asks whether the session's role is gone, and if not, whether it may not log in any more: an issuer may leave it
// at that, and at taking its grants.
func askRole(conn *pgx.Conn) (gone error, disabled bool) {
	ctx, cancel := context.WithTimeout(context.Background(), roleCheckTimeout)
	defer cancel()
	results, err := conn.PgConn().Exec(ctx, "select session_user, (select not rolcanlogin from pg_catalog.pg_roles where rolname = session_user)").ReadAll()
	if sqlState(err) == undefinedObject {
		return err, false
	}
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 2 {
		return nil, false
	}
	return nil, string(results[0].Rows[0][1]) == "t"
}

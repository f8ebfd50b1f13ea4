package sqladapter

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/sqladapter/internal/wrap"
)

// home is where wrapped connections come home to.
type home struct{ session *Session }

var _ wrap.Owner = home{}

func (h home) Close(inner driver.Conn) error {
	err := inner.Close()
	h.session.adapter.sessions.closedConn(h.session)
	return err
}

// Stays turns away the connections that are to go. While nothing is unusual it costs two atomic loads.
func (h home) Stays() bool {
	a := h.session.adapter
	if h.session.leaving.Load() {
		return false // it was asked before
	}
	if a.sessions.attention.Load() == 0 && !a.makesRoom.given.Load() {
		return true
	}
	goes := a.goes(h.session)
	if goes {
		h.session.leaving.Store(true)
	}
	return !goes
}

// Reused never turns a connection away: a caller who is told so three times fails.
func (h home) Reused(ctx context.Context) error {
	if errandOf(ctx) == nil {
		h.session.adapter.callers.reused.Add(1)
	}
	return nil
}

func (h home) Failed(err error) { h.session.Failed(err) }

// goes reports whether a connection that comes home is to be closed.
func (a *adapter) goes(s *Session) bool {
	return a.closing.begun.Load() || a.useless(context.Background(), s) || s.generation.Load().Leaves() || a.handover.mayGo(s) ||
		a.makesRoom.use(s)
}

// turnsAway reports whether a connection that a caller is about to get goes instead: one of no use; and, where there is
// room for another, one that is to go: the caller's next try adopts the spare session, or logs in. Where all are taken he
// could end in the queue, and be given up after three such connections; there the adapter queues itself.
func (a *adapter) turnsAway(ctx context.Context, s *Session) bool {
	return a.useless(ctx, s) || a.hasRoom() && (s.generation.Load().Leaves() || a.handover.mayGo(s))
}

// hasRoom reports whether database/sql would make another connection.
func (a *adapter) hasRoom() bool {
	stats := a.db.Stats()
	return stats.MaxOpenConnections == 0 || stats.OpenConnections < stats.MaxOpenConnections
}

// useless reports whether a connection that nobody has at this moment is of no use to callers. After an error that a
// revoked role causes it asks the server.
func (a *adapter) useless(ctx context.Context, s *Session) bool {
	if a.sessions.cleared(s) {
		a.checkRole(ctx, s)
	}
	return s.leaving.Load() || s.generation.Load().Useless()
}

// roleCheckTimeout bounds the round trip of a check.
const roleCheckTimeout = time.Second

// checkRole asks, on a connection that has come home after an error which a revoked role causes, whether its account
// still exists. It is one round trip; an ordinary error costs no more. Where the turn is another's the suspicion stays,
// for the next time.
func (a *adapter) checkRole(ctx context.Context, s *Session) {
	g := s.generation.Load()
	if a.config.Driver.RoleGone == nil || g.Useless() {
		return
	}
	if !a.checks.Begin(ctx) {
		if !g.Useless() {
			a.sessions.suspected(s)
		}
		return
	}
	defer a.checks.End()
	if g.Useless() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), roleCheckTimeout)
	defer cancel()
	inTime := a.abortAfter(ctx, s)
	gone, err := a.config.Driver.RoleGone(ctx, s.conn)
	if !inTime() {
		s.leaving.Store(true)
	}
	answer := a.understand(g, err)
	if !gone {
		if err != nil && answer.Code == "" { // not the server's: the connection is broken, or was given up within a round trip
			s.leaving.Store(true)
		}
		return
	}
	a.revoked(g, &rekey.VerifyError{
		Version: g.credential.Version, Class: rekey.VerifyRefused, SQLState: answer.Code, Err: revokedError{answer.Err},
	})
}

// revoked keeps callers from the connections of g, and has the engine look for another login.
func (a *adapter) revoked(g *generation, err *rekey.VerifyError) {
	if g.Dead.Swap(true) {
		return // which is told already
	}
	a.sessions.look()
	a.ends.Kick()
	a.reports.Revoked(g, err)
}

// revokedError says what the server's answer means.
type revokedError struct{ err error }

func (e revokedError) Error() string {
	if e.err == nil {
		return "sqladapter: the account of an open session no longer exists"
	}
	return "sqladapter: the account of an open session no longer exists: " + e.err.Error()
}

func (e revokedError) Unwrap() error { return e.err }

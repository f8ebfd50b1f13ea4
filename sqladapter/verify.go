package sqladapter

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/socket"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter/internal/wrap"
)

// fullPause is the wait before another try where the server, the database or the role had no session left; it is
// doubled for each of the fullTries.
const (
	fullPause = 50 * time.Millisecond
	fullTries = 3
)

// verified is a generation that has passed verification, and its first session.
type verified struct {
	generation *generation
	session    *Session // nil if the driver cannot clean it, or once it has waited for too long
}

// Verify logs in with next on a connection beside the pool and asks the probe. A session that has passed, and can be
// cleaned, becomes the new generation's first connection.
func (a target) Verify(ctx context.Context, next source.Credential, inUse *refresh.Generation) error {
	a.forgetVerified()
	g, err := a.newGeneration(next)
	if source.IsPermanent(err) {
		return &rekey.VerifyError{Version: next.Version, Class: rekey.VerifyForbidden, Err: err}
	}
	if err != nil {
		return err
	}
	s, err := a.verify(ctx, g, inUse)
	for n := 0; n < fullTries && isFull(err); n++ {
		if n == 0 {
			a.giveUpIdle()
		}
		select {
		case <-time.After(fullPause << n):
		case <-ctx.Done():
			return err
		}
		s, err = a.verify(ctx, g, inUse)
	}
	if err != nil {
		return err
	}
	a.keepVerified(&verified{generation: g, session: s})
	return nil
}

// fullError is a login for which the server had no room. It says nothing of the credential.
type fullError struct{ *rekey.VerifyError }

func (e fullError) Unwrap() error { return e.VerifyError }

func isFull(err error) bool {
	_, ok := err.(fullError)
	return ok
}

// giveUpIdle closes one idle connection, to make room for another on a full server.
func (a *adapter) giveUpIdle() {
	if gone := a.closeOneIdle(func(*Session) bool { return true }); gone != nil {
		gone.await()
	}
}

// verify is one try. The session that it returns is nil if it cannot be used any further.
func (a *adapter) verify(ctx context.Context, g *generation, inUse *refresh.Generation) (*Session, error) {
	kind, err := a.extraPlace(ctx)
	if err != nil {
		return nil, err
	}
	s, err := a.logIn(ctx, g, kind)
	if err != nil {
		answer := a.understand(g, err)
		refused := answer.loginError(g.credential.Version)
		if answer.Meaning == Full {
			return nil, fullError{refused}
		}
		return nil, refused
	}
	inTime := a.abortAfter(ctx, s)
	clean, err := a.examine(ctx, s, g, inUse)
	if !inTime() {
		clean = false
		err = cmp.Or(err, ctx.Err())
	}
	if err == nil && clean {
		return s, nil
	}
	a.discard(s)
	return nil, err
}

// extraPlace waits for a place beyond the pool's. A spare session that has it is adopted in a moment; one that is not
// must go. Without headroom an idle connection makes room.
func (a *adapter) extraPlace(ctx context.Context) (place, error) {
	limit := time.AfterFunc(spareYield, a.handover.dropSpare)
	defer limit.Stop()
	if a.places.shared() {
		return a.roomOfPool(ctx)
	}
	kind, err := a.places.extra(ctx)
	if err != nil {
		return noPlace, fmt.Errorf("sqladapter: no place in Config.Headroom for a verification: %w", err)
	}
	return kind, nil
}

// roomOfPool takes the place of one connection: of an idle one, or of the next to come home. Where a hand-over has been
// faster it is the place of another.
func (a *adapter) roomOfPool(ctx context.Context) (place, error) {
	defer a.places.claim()()
	for {
		kind, err := a.oneMakesRoom(ctx)
		if err == nil {
			return kind, nil
		}
		if ctx.Err() != nil {
			return noPlace, fmt.Errorf("sqladapter: no place within Config.MaxOpenConns for a verification: %w", ctx.Err())
		}
	}
}

// oneMakesRoom lets one connection go, and waits for its place.
func (a *adapter) oneMakesRoom(ctx context.Context) (place, error) {
	if kind, ok := a.places.tryExtra(); ok {
		return kind, nil
	}
	ctx, cancel := context.WithTimeout(ctx, roomWait)
	defer cancel()
	a.makesRoom.give()
	defer a.makesRoom.takeBack()
	if a.closeIdle(a.makesRoom.use) == 0 {
		defer a.closeReturning(ctx, a.config.MaxOpenConns, returnPause, a.makesRoom.use)()
	}
	return a.places.extra(ctx)
}

// roomWait is how long one connection's place is waited for: longer than a session needs to end.
const roomWait = 2 * socket.LingerTimeout

// examine asks the probe, and leaves the session as if nothing had happened on it, if the driver can do that.
func (a *adapter) examine(ctx context.Context, s *Session, g *generation, inUse *refresh.Generation) (clean bool, err error) {
	if err := a.probe(ctx, s.conn, a.probeTarget(g, inUse)); err != nil {
		return false, a.understand(g, dialledError{err}).lackingError(g.credential.Version, err)
	}
	if a.config.Driver.Clean == nil {
		return false, nil
	}
	if err := a.config.Driver.Clean(ctx, s.conn); err != nil {
		return false, fmt.Errorf("sqladapter: cleaning up after the probe: %w", a.understand(g, dialledError{err}).Err)
	}
	return true, nil
}

// probeTarget is what the probe is told of g, and of the login that g is to replace.
func (a *adapter) probeTarget(g *generation, inUse *refresh.Generation) probe.Target {
	t := probe.Target{Notes: &g.notes}
	if inUse != nil {
		t.Current, t.CurrentNotes = inUse.Credential.Username, &a.current().notes
	}
	return t
}

// probe checks the login of conn.
func (a *adapter) probe(ctx context.Context, conn driver.Conn, t probe.Target) error {
	if a.config.Driver.ProbeConn != nil {
		t.Conn = a.config.Driver.ProbeConn(conn)
		return a.config.Probe.Check(ctx, t)
	}
	db := sql.OpenDB(single{conn})
	defer db.Close()
	lent, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer lent.Close()
	t.Conn = probe.SQL(lent)
	return a.config.Probe.Check(ctx, t)
}

// single is a connector with one connection, which stays open.
type single struct{ conn driver.Conn }

func (c single) Connect(context.Context) (driver.Conn, error) { return wrap.Conn(c.conn, lent{}), nil }
func (c single) Driver() driver.Driver                        { return noDriver{} }

// lent owns a connection for the time of a verification.
type lent struct{}

func (lent) Close(driver.Conn) error      { return nil }
func (lent) Stays() bool                  { return true }
func (lent) Reused(context.Context) error { return nil }
func (lent) Failed(error)                 {}

// keepVerified keeps what was verified for Publish, which follows at once, or not at all. A session that is not
// needed soon is closed.
func (a *adapter) keepVerified(v *verified) {
	a.verifiedMu.Lock()
	defer a.verifiedMu.Unlock()
	a.verified = v
	time.AfterFunc(spareLife, func() {
		if s := a.takeSession(v); s != nil {
			a.discard(s)
		}
	})
}

// takeSession takes the session of what is kept, if that is still v.
func (a *adapter) takeSession(v *verified) *Session {
	a.verifiedMu.Lock()
	defer a.verifiedMu.Unlock()
	if a.verified != v {
		return nil
	}
	s := v.session
	v.session = nil
	return s
}

// takeVerified takes what was verified last; nil if it was taken before.
func (a *adapter) takeVerified() *verified {
	a.verifiedMu.Lock()
	defer a.verifiedMu.Unlock()
	v := a.verified
	a.verified = nil
	return v
}

// forgetVerified ends what was verified for nothing.
func (a *adapter) forgetVerified() {
	if v := a.takeVerified(); v != nil && v.session != nil {
		a.discard(v.session)
	}
}

package sqladapter

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/sqladapter/internal/wrap"
)

// connector is what the *sql.DB connects with.
type connector struct{ adapter *adapter }

// Connect gives database/sql a connection that is logged in with the credential in use.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if e := errandOf(ctx); e != nil {
		return c.adapter.adoptSpare(e)
	}
	s, err := c.adapter.connect(ctx)
	c.adapter.callers.connected(ctx, err)
	if err != nil {
		return nil, c.adapter.because(err)
	}
	return c.adapter.pooled(s), nil
}

// Driver is asked for by sql.DB.Driver only.
func (c connector) Driver() driver.Driver {
	if g := c.adapter.current(); g != nil {
		return g.connector.Driver()
	}
	return noDriver{}
}

// Close is called when the *sql.DB is closed, by whomever: by the end of the adapter, or by one who had the *sql.DB only.
func (c connector) Close() error {
	if c.adapter.closing.begun.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return c.adapter.shutdown(ctx)
}

// noDriver is the driver while there is no credential.
type noDriver struct{}

func (noDriver) Open(string) (driver.Conn, error) {
	return nil, fmt.Errorf("sqladapter: connections are made by the DB: %w", driver.ErrSkip)
}

// because adds to an error that the context has ended why there was no connection to be had.
func (a *adapter) because(err error) error {
	if err != context.DeadlineExceeded && err != context.Canceled {
		return err
	}
	if trouble := a.engine.View().Trouble(); trouble != nil {
		return fmt.Errorf("%w: %w", err, trouble)
	}
	return err
}

// pooled hands a session over to database/sql.
func (a *adapter) pooled(s *Session) driver.Conn {
	s.pooled.Store(true)
	a.callers.created.Add(1)
	if a.config.Driver.native() {
		return s.conn
	}
	return wrap.Conn(s.conn, home{s})
}

// adoptSpare gives an errand the spare session, if it asks for that.
func (a *adapter) adoptSpare(e *errand) (driver.Conn, error) {
	if !e.adopts {
		return nil, errNoIdle
	}
	if s := a.spareInPlace(); s != nil {
		return a.pooled(s), nil
	}
	return nil, errNoIdle
}

// spareInPlace takes the spare session, if there is a place of the pool's for it.
func (a *adapter) spareInPlace() *Session {
	if a.places.shared() {
		return a.handover.takeSpare() // it has one
	}
	if !a.handover.spare.filled() || !a.places.tryPool() {
		return nil
	}
	s := a.handover.takeSpare()
	if s == nil {
		a.places.release(poolPlace)
		return nil
	}
	if !a.sessions.adopt(s) {
		return nil // it ended meanwhile
	}
	return s
}

// placePause is the wait for a place that a session which is being closed still has.
const placePause = time.Millisecond

// connect returns a session: the spare one, or one that is logged in now. While the server refuses the login in use it
// waits for a better one, within MaxHold.
func (a *adapter) connect(ctx context.Context) (*Session, error) {
	deadline := time.Now().Add(a.config.MaxHold)
	hold, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	for {
		if s := a.spareInPlace(); s != nil {
			return s, nil
		}
		if _, err := a.engine.Login(hold); err != nil {
			return nil, err
		}
		if a.current().Useless() || !a.places.tryPool() { // the engine is about to hear of the former
			if err := a.awaitPlace(hold); err != nil {
				return nil, err
			}
			continue
		}
		g := a.current()
		s, err := a.logIn(ctx, g, poolPlace)
		if a.outlived(g, s) && ctx.Err() == nil && time.Now().Before(deadline) {
			a.discard(s)
			continue
		}
		if err == nil {
			return s, nil
		}
		answer := a.understand(g, err)
		if !answer.distrusts() || time.Now().After(deadline) {
			return nil, answer.Err
		}
		a.refused(g, answer.loginError(g.credential.Version))
	}
}

// awaitPlace waits a moment, and fails when waiting is of no use any more.
func (a *adapter) awaitPlace(hold context.Context) error {
	a.keepLimit()
	timer := time.NewTimer(placePause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-a.closing.dials.Done():
		return rekey.ErrClosed
	case <-hold.Done():
		return fmt.Errorf("sqladapter: no place within Config.MaxOpenConns, or no login that works: %w", hold.Err())
	}
}

// keepLimit takes a SetMaxOpenConns back that allows more connections than there are places: callers would wait for some
// while idle ones are there.
func (a *adapter) keepLimit() {
	if most := a.db.Stats().MaxOpenConnections; most > 0 && most <= a.config.MaxOpenConns {
		return
	}
	a.db.SetMaxOpenConns(a.config.MaxOpenConns)
	if !a.raised.Swap(true) {
		a.reports.Warn(rekey.WarningEvent{
			Field: "MaxOpenConns",
			Message: fmt.Sprintf("is %d, and SetMaxOpenConns has set more, or no limit: it was set back; set the Config's instead",
				a.config.MaxOpenConns),
		})
	}
}

// outlived reports whether another login was adopted, or g ended, while a session was being made with g: s, or nil if
// that failed. The issuer does not see a login in flight, and may have ended its rights already.
func (a *adapter) outlived(g *generation, s *Session) bool {
	if s != nil {
		g = s.generation.Load()
	}
	return g != a.current() || g.Useless()
}

// discard closes a session that nobody has got, if there is one, and waits until its place is free.
func (a *adapter) discard(s *Session) {
	if s != nil {
		home{s}.Close(s.conn)
		s.await()
	}
}

// refused reports a login that the server refused to the engine.
func (a *adapter) refused(g *generation, err *rekey.VerifyError) {
	if snapshot := g.Snapshot.Load(); snapshot != nil && g == a.current() {
		a.engine.Refused(snapshot, err)
	}
}

// abortAfter closes the session's socket when ctx ends, where it is to be seen: not every driver heeds a context. What it
// returns ends that, and reports whether it was in time.
func (a *adapter) abortAfter(ctx context.Context, s *Session) (inTime func() bool) {
	return context.AfterFunc(ctx, func() {
		if open := a.sessions.socketOf(s); open != nil {
			open.Abort()
		}
	})
}

// late is what comes of a login when its context has ended.
func late(ctx context.Context, conn driver.Conn, err error) error {
	if err == nil {
		conn.Close()
		return ctx.Err()
	}
	if errors.Is(err, ctx.Err()) {
		return err
	}
	return fmt.Errorf("%w: %w", ctx.Err(), err)
}

// logIn makes a session with g's credential, in a place that the caller has taken.
func (a *adapter) logIn(ctx context.Context, g *generation, kind place) (*Session, error) {
	s := a.sessions.begin(a, g, kind)
	ctx, cancel := a.closing.bound(ctx)
	defer cancel()
	inTime := a.abortAfter(ctx, s)
	conn, err := g.connector.Connect(context.WithValue(ctx, sessionKey{}, s))
	if !inTime() {
		err = late(ctx, conn, err)
		conn = nil
	}
	s.conn = conn
	a.sessions.dialled(s, err == nil)
	if err != nil {
		s.await() // its place must not be free before it is gone
		if open := a.sessions.socketOf(s); open != nil {
			open.Abort() // which the driver has left open, or is gone already
		}
		if a.closing.begun.Load() {
			return nil, rekey.ErrClosed
		}
		if s.dialing.Load() {
			err = dialledError{err}
		}
		return nil, err
	}
	return s, nil
}

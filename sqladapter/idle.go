package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/sqladapter/internal/wrap"
)

// What the adapter does with idle connections. It takes them out of its *sql.DB as any caller would, so that
// database/sql itself closes them, and none that is closed is ever left for a caller to find.

// loan is one connection that the adapter has taken.
type loan struct {
	conn    *sql.Conn
	session *Session
}

// end gives the connection back.
func (l loan) end() { l.conn.Close() }

// close makes database/sql close the connection.
func (l loan) close() {
	l.session.leaving.Store(true)
	l.conn.Raw(func(any) error { return driver.ErrBadConn })
}

// borrow takes one connection; ok is false if there is none for e.
func (a *adapter) borrow(e *errand) (l loan, ok bool) {
	conn, err := a.db.Conn(e)
	if err != nil {
		return loan{}, false
	}
	err = conn.Raw(func(c any) error {
		l = loan{conn, a.sessionOf(c.(driver.Conn))}
		return nil
	})
	if err != nil || l.session == nil {
		conn.Close()
		return loan{}, false
	}
	return l, true
}

// sessionOf returns the session of a connection that database/sql has.
func (a *adapter) sessionOf(c driver.Conn) *Session {
	if home, ok := wrap.OwnerOf(c).(home); ok {
		return home.session
	}
	if a.config.Driver.native() {
		return a.config.Driver.SessionOf(c)
	}
	return nil
}

// borrowIdle takes the idle connections, until enough says so of one.
func (a *adapter) borrowIdle(ctx context.Context, enough func(*Session) bool) (loans []loan) {
	for len(loans) <= a.config.MaxOpenConns && a.db.Stats().Idle > 0 {
		l, ok := a.borrow(&errand{Context: ctx})
		if !ok {
			return loans
		}
		loans = append(loans, l)
		if enough != nil && enough(l.session) {
			return loans
		}
	}
	return loans
}

// closeIdle closes those idle connections that match, and returns how many there were.
func (a *adapter) closeIdle(match func(*Session) bool) (closed int) {
	for _, l := range a.borrowIdle(context.Background(), nil) {
		if match(l.session) {
			l.close()
			closed++
		} else {
			l.end()
		}
	}
	return closed
}

// closeOneIdle closes the first idle connection that matches, and returns its session; nil if there is none.
func (a *adapter) closeOneIdle(match func(*Session) bool) (closed *Session) {
	loans := a.borrowIdle(context.Background(), match)
	for i, l := range loans {
		if i == len(loans)-1 && match(l.session) {
			closed = l.session
			defer l.close() // after the others are back: saying goodbye takes a moment
		} else {
			l.end()
		}
	}
	return closed
}

// closeReturning waits for connections to come home as callers do, and closes those that goes names: most of them, or as
// many as come until ctx ends. It is for drivers whose connections cannot be turned away when they come home. In a pool that
// has none idle it queues several times, because there the turns are drawn by lot.
func (a *adapter) closeReturning(ctx context.Context, most int, goes func(*Session) bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var left atomic.Int32
	left.Store(int32(most))
	closeOne := func() {
		l, ok := a.borrow(&errand{Context: ctx, waits: true})
		switch {
		case !ok:
		case !goes(l.session):
			l.end()
		default:
			if left.Add(-1) <= 0 {
				cancel()
			}
			l.close()
		}
	}
	var turns sync.WaitGroup
	for range a.config.MaxOpenConns {
		turns.Go(func() {
			for ctx.Err() == nil && a.saturated() {
				closeOne()
			}
		})
	}
	for ctx.Err() == nil {
		closeOne()
		if !a.saturated() {
			pause(ctx, returnPause)
		}
	}
	turns.Wait()
}

// returnPause is the wait between two looks at a pool that is not saturated.
const returnPause = 2 * time.Millisecond

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// saturated reports whether connections go from one caller to the next, and are never idle.
func (a *adapter) saturated() bool {
	stats := a.db.Stats()
	return stats.Idle == 0 && stats.OpenConnections >= stats.MaxOpenConnections
}

// pingTimeout bounds the look at an idle connection after others were killed.
const pingTimeout = time.Second

// pingIdle pings the idle connections after the server has killed one, and rarely just one, so that callers do not
// find the other dead ones one by one.
func (a *adapter) pingIdle() {
	var pings sync.WaitGroup
	for _, l := range a.borrowIdle(a.pings.Ctx, nil) {
		pings.Go(func() {
			ctx, cancel := context.WithTimeout(a.pings.Ctx, pingTimeout)
			defer cancel()
			if l.conn.PingContext(ctx) != nil {
				l.close()
				return
			}
			l.end()
		})
	}
	pings.Wait()
}

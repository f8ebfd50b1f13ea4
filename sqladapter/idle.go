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
	ended   *atomic.Int32 // counts the loans that have not
}

// end gives the connection back.
func (l loan) end() {
	l.conn.Close()
	l.ended.Add(-1)
}

// close makes database/sql close the connection.
func (l loan) close() {
	l.session.leaving.Store(true)
	l.conn.Raw(func(any) error { return driver.ErrBadConn })
	l.ended.Add(-1)
}

// borrow takes one connection, or makes one of the spare session, where adopts allows that; ok is false if there is
// none.
func (a *adapter) borrow(ctx context.Context, adopts bool) (l loan, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, idleWait)
	defer cancel()
	return a.take(&errand{Context: ctx, adopts: adopts})
}

// take takes one connection for e, and queues for it as callers do.
func (a *adapter) take(e *errand) (l loan, ok bool) {
	began := time.Now()
	conn, err := a.db.Conn(e)
	a.callers.errand(time.Since(began))
	if err != nil {
		return loan{}, false
	}
	err = conn.Raw(func(c any) error {
		l = loan{conn, a.sessionOf(c.(driver.Conn)), &a.lending}
		return nil
	})
	if err != nil || l.session == nil {
		conn.Close()
		return loan{}, false
	}
	a.lending.Add(1)
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

// borrowIdle takes the idle connections, until enough says so of one. Those that database/sql finds too old for callers
// are closed by it on the way, and cost a try.
func (a *adapter) borrowIdle(ctx context.Context, enough func(*Session) bool) (loans []loan) {
	a.lending.Add(1)
	defer a.lending.Add(-1)
	for tries := 2 * a.config.MaxOpenConns; tries > 0 && ctx.Err() == nil && a.db.Stats().Idle > 0; tries-- {
		l, ok := a.borrow(ctx, false)
		if !ok {
			continue
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
	var gone []loan
	for _, l := range a.borrowIdle(context.Background(), nil) {
		if match(l.session) {
			gone = append(gone, l)
		} else {
			l.end()
		}
	}
	for _, l := range gone { // after the others are back: saying goodbye takes a moment
		l.close()
	}
	return len(gone)
}

// closeOneIdle closes the first idle connection that matches, and returns its session; nil if there is none.
func (a *adapter) closeOneIdle(match func(*Session) bool) (closed *Session) {
	loans := a.borrowIdle(context.Background(), func(s *Session) bool {
		if match(s) {
			closed = s
		}
		return closed != nil
	})
	for _, l := range loans {
		if l.session == closed {
			defer l.close() // after the others are back
		} else {
			l.end()
		}
	}
	return closed
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
			inTime := a.abortAfter(ctx, l.session)
			if err := l.conn.PingContext(ctx); err != nil || !inTime() {
				l.close()
				return
			}
			l.end()
		})
	}
	pings.Wait()
}

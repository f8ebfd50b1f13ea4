package sqladapter

import (
	"context"
	"sync"
	"time"
)

// The wait between two looks at a pool that is not saturated: doubled with each that finds nothing.
const (
	returnPause    = 2 * time.Millisecond
	maxReturnPause = 200 * time.Millisecond
)

// returning closes connections as they come home, those that goes names. It is for drivers whose connections cannot be
// turned away then, as pgx's: it looks at those that are idle, and in a pool that has none idle it queues as callers do,
// several times, because there the turns are drawn by lot.
type returning struct {
	adapter *adapter
	ctx     context.Context
	turns   int
	wait    time.Duration // between two looks
	goes    func(*Session) bool
}

// closeReturning begins to close connections that come home, and returns what ends that and waits for its end. wait is that
// between the first two looks. It does nothing for drivers whose connections are turned away.
func (a *adapter) closeReturning(ctx context.Context, turns int, wait time.Duration, goes func(*Session) bool) (stop func()) {
	if !a.config.Driver.native() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &returning{adapter: a, ctx: ctx, turns: turns, wait: wait, goes: goes}
	var running sync.WaitGroup
	running.Go(r.run)
	return func() {
		cancel()
		running.Wait()
	}
}

func (r *returning) run() {
	for ; r.ctx.Err() == nil; r.wait = min(2*r.wait, maxReturnPause) {
		if r.adapter.saturated() {
			r.queue()
			r.wait = returnPause
		}
		if r.adapter.closeIdle(r.goes) > 0 {
			r.wait = returnPause
		}
		pause(r.ctx, r.wait)
	}
}

// queue takes turns among the callers for as long as they leave nothing idle.
func (r *returning) queue() {
	var turns sync.WaitGroup
	for range r.turns {
		turns.Go(func() {
			rest := minTurnRest
			for r.ctx.Err() == nil && r.adapter.saturated() {
				if r.takeTurn() {
					rest = minTurnRest
					continue
				}
				pause(r.ctx, rest)
				rest = min(2*rest, maxTurnRest)
			}
		})
	}
	turns.Wait()
}

// The rest after a turn that has brought nothing of use, doubled with each: without one, turns hand such connections to each
// other.
const (
	minTurnRest = 50 * time.Microsecond
	maxTurnRest = 20 * time.Millisecond
)

// takeTurn takes a connection that has come home, and reports whether it was one to close. One that is broken database/sql has
// closed by then.
func (r *returning) takeTurn() (closed bool) {
	l, ok := r.adapter.take(&errand{Context: r.ctx})
	switch {
	case !ok:
		return true // a broken one, or the end
	case r.goes(l.session):
		l.close()
		return true
	default:
		l.end()
		return false
	}
}

// saturated reports whether connections go from one caller to the next, and are never idle.
func (a *adapter) saturated() bool {
	if a.lending.Load() > 0 || a.closing.begun.Load() {
		return false
	}
	stats := a.db.Stats()
	return stats.Idle == 0 && stats.MaxOpenConnections > 0 && stats.OpenConnections >= stats.MaxOpenConnections
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

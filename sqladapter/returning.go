package sqladapter

import (
	"context"
	"sync"
	"time"
)

// The wait between two looks at a pool that is not saturated: doubled with each that finds nothing.
const (
	returnPause    = 2 * time.Millisecond
	maxReturnPause = 100 * time.Millisecond
)

// returning closes connections as they come home, those that goes names. It is for drivers whose connections cannot be
// turned away then, as pgx's: it looks at those that are idle, and in a pool that has none idle it queues as callers do,
// several times, because there the turns are drawn by lot.
type returning struct {
	adapter *adapter
	ctx     context.Context
	turns   int
	goes    func(*Session) bool
}

// closeReturning begins to close connections that come home, and returns what ends that and waits for its end. It does
// nothing for drivers whose connections are turned away.
func (a *adapter) closeReturning(ctx context.Context, turns int, goes func(*Session) bool) (stop func()) {
	if !a.config.Driver.native() {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &returning{adapter: a, ctx: ctx, turns: turns, goes: goes}
	var running sync.WaitGroup
	running.Go(r.run)
	return func() {
		cancel()
		running.Wait()
	}
}

func (r *returning) run() {
	for wait := returnPause; r.ctx.Err() == nil; wait = min(2*wait, maxReturnPause) {
		if r.adapter.saturated() {
			r.queue()
			wait = returnPause
		}
		if r.adapter.closeIdle(r.goes) > 0 {
			wait = returnPause
		}
		pause(r.ctx, wait)
	}
}

// queue takes turns among the callers for as long as they leave nothing idle.
func (r *returning) queue() {
	var turns sync.WaitGroup
	for range r.turns {
		turns.Go(func() {
			for r.ctx.Err() == nil && r.adapter.saturated() {
				r.takeTurn()
			}
		})
	}
	turns.Wait()
}

// takeTurn takes a connection that has come home. One that is broken database/sql has closed by then.
func (r *returning) takeTurn() {
	l, ok := r.adapter.take(&errand{Context: r.ctx})
	switch {
	case !ok:
	case r.goes(l.session):
		l.close()
	default:
		l.end()
	}
}

// saturated reports whether connections go from one caller to the next, and are never idle.
func (a *adapter) saturated() bool {
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

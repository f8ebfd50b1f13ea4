package managedpool

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/puddle/v2"
)

// errMoved says that a pgxpool has no connection to give, and makes none: another one has taken its place, or the
// places are taken. The caller is routed anew.
var errMoved = errors.New("managedpool: the connections have moved to another pgxpool")

const (
	// routePause is how often the first in line looks for a connection while there is more than one pgxpool, calmPause
	// while there is one, and routeSoon how soon after something has changed: a connection is on its way home then.
	routePause = time.Millisecond
	calmPause  = 5 * time.Millisecond
	routeSoon  = 50 * time.Microsecond
	// routeLimit is how long a caller waits in the queue of a pgxpool for an idle connection that he has seen, or was
	// offered.
	routeLimit = 5 * time.Millisecond
)

// router finds callers a connection, in the order of their coming.
type router struct {
	pool *Pool
	line line
}

// released offers a connection of b, which comes home, to the first in line, who is counted in the place of its caller.
// One that goes makes him look. It takes the pool's lock, unless the connection goes.
func (r *router) released(b *backing, goes bool) {
	if !goes && !b.closed.Load() && r.line.waiting.Load() > 0 && r.line.offer(b, r.pace()) {
		return
	}
	b.taken.Add(-1)
	r.line.look()
}

// pace is how often the first in line looks for himself.
func (r *router) pace() time.Duration {
	if len(r.pool.open()) > 1 {
		return routePause
	}
	return calmPause
}

// acquire waits for a connection, in the place that belongs to a ticket.
func (r *router) acquire(ctx context.Context, ticket uint64) (*Conn, error) {
	w := r.line.join(ticket)
	defer r.leave(w)
	began := time.Now()
	for {
		first, err := r.line.await(ctx, w, &r.pool.closing.begun)
		if err != nil {
			return nil, err
		}
		c, err := r.serve(ctx, w, first)
		if err == nil && w.waited {
			r.pool.callers.wait(time.Since(began))
		}
		if err != errMoved {
			return c, err
		}
	}
}

// leave gives a place up, and what was offered there on to the next.
func (r *router) leave(w *place) {
	if b := r.line.leave(w); b != nil {
		b.pending.Add(-1)
		r.released(b, false)
	}
}

// serve gives w what he was offered or, if he is the first in line, what he finds. errMoved says that there is nothing yet.
func (r *router) serve(ctx context.Context, w *place, first bool) (*Conn, error) {
	switch {
	case !first:
		return r.take(ctx, w)
	case r.pool.closing.begun.Load():
		return nil, puddle.ErrClosedPool
	}
	open := r.pool.open()
	if len(open) == 1 {
		if open[0].mayHave() {
			return r.enter(ctx, w, open[0], false)
		}
		return nil, r.pause(ctx, w, calmPause)
	}
	for _, b := range slices.Backward(open) {
		if !b.hasIdle() {
			continue
		}
		if c, err := r.enter(ctx, w, b, true); err != errMoved {
			return c, err
		}
	}
	if r.pool.hasRoom(0) {
		return r.enter(ctx, w, r.pool.current().backing, false)
	}
	return nil, r.pause(ctx, w, routePause)
}

// mayHave reports whether b has a connection to give, or can make one.
func (b *backing) mayHave() bool {
	if b.taken.Load() < int64(b.config.MaxConns) {
		return true
	}
	stat, pending := b.pool.Stat(), int32(b.pending.Load()) // callers who have hijacked theirs are counted as taken
	return stat.IdleConns() > pending || stat.TotalConns()+pending < b.config.MaxConns
}

// hasIdle reports whether b has an idle connection that nobody else is about to take.
func (b *backing) hasIdle() bool { return int64(b.pool.Stat().IdleConns()) > b.pending.Load() }

// take takes the connection that w was offered.
func (r *router) take(ctx context.Context, w *place) (*Conn, error) {
	a := newAttempt(ctx)
	defer a.end()
	b := r.line.accept(w, a)
	if b == nil {
		return nil, errMoved
	}
	// Looked at now: a swap that comes later calls him out.
	a.noDial = len(r.pool.open()) > 1 || r.pool.current().backing != b
	if a.noDial {
		a.within(routeLimit)
	}
	return r.attempt(w, a)
}

// enter makes an attempt at b: for an idle connection, or for whichever it gives.
func (r *router) enter(ctx context.Context, w *place, b *backing, idle bool) (*Conn, error) {
	a := newAttempt(ctx)
	defer a.end()
	a.backing, a.noDial = b, idle
	if !r.begin(w, a) {
		return nil, errMoved
	}
	if idle {
		a.within(routeLimit)
	}
	return r.attempt(w, a)
}

// attempt makes an attempt of w's, who is back in his place if it comes to nothing.
func (r *router) attempt(w *place, a *attempt) (*Conn, error) {
	c, err := a.backing.acquire(a)
	if err == errMoved {
		r.line.back(w)
	}
	w.waited = w.waited || a.dials.Load()
	if c != nil {
		sessionOf(c.Conn()).birth.Store(nil)
	}
	return c, err
}

// begin reports whether w begins the attempt: he was offered nothing meanwhile, and its pgxpool is still open. Whoever takes
// its place calls w out of it.
func (r *router) begin(w *place, a *attempt) bool {
	r.pool.mu.RLock()
	defer r.pool.mu.RUnlock()
	if !a.noDial && r.pool.cur.backing != a.backing {
		return false
	}
	return r.line.try(w, a)
}

// pause waits until it is time for another look, which errMoved says.
func (r *router) pause(ctx context.Context, w *place, d time.Duration) error {
	w.waited = true
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.wake:
		if r.line.offered(w) {
			return errMoved
		}
		timer.Reset(min(d, routeSoon))
	case <-timer.C:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.wake:
		return errMoved
	case <-timer.C:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
}

package managedpool

import (
	"context"
	"errors"
	"slices"
	"time"
)

// errMoved says that a pgxpool has no connection to give, and makes none: another one has taken its place, or the
// places are taken. The caller is routed anew.
var errMoved = errors.New("managedpool: the connections have moved to another pgxpool")

const (
	// routePause is how often the first in line looks for a connection, and routeSoon how soon after one was
	// released: it is on its way home then.
	routePause = time.Millisecond
	routeSoon  = 50 * time.Microsecond
	// routeLimit is how long the first in line may keep the others waiting with a look.
	routeLimit = 5 * time.Millisecond
)

// router finds callers a connection, in the order of their coming. With one pgxpool it is that one's queue where they
// wait; while there is more than one, nobody waits in a queue where he would not hear of connections in another.
type router struct {
	pool *Pool
	line line
	home chan struct{} // a connection comes home, or its place is free
}

func newRouter(p *Pool) *router { return &router{pool: p, home: make(chan struct{}, 1)} }

// released makes the first in line look soon.
func (r *router) released() {
	select {
	case r.home <- struct{}{}:
	default:
	}
}

// acquire waits for a connection, in the place that belongs to a ticket.
func (r *router) acquire(ctx context.Context, ticket uint64) (*Conn, error) {
	w := r.line.join(ticket)
	defer r.line.leave(w)
	for {
		if err := r.line.awaitTurn(ctx, w); err != nil {
			return nil, err
		}
		c, err := r.serve(ctx, w)
		if err != errMoved {
			return c, err
		}
	}
}

// serve gives w, who is the first in line, an idle connection, of the newest pgxpool that has one, or a new one where
// there is room for it. errMoved says that there is none yet.
func (r *router) serve(ctx context.Context, w *place) (*Conn, error) {
	if open := r.pool.open(); len(open) > 1 {
		for _, b := range slices.Backward(open) {
			if b.pool.Stat().IdleConns() == 0 {
				continue
			}
			if c, err := r.take(ctx, w, b); err != errMoved {
				return c, err
			}
		}
		if !r.pool.hasRoom(0) {
			return nil, r.pause(ctx)
		}
	}
	return r.wait(ctx, w)
}

// take takes an idle connection of b, if there still is one.
func (r *router) take(ctx context.Context, w *place, b *backing) (*Conn, error) {
	a := newAttempt(ctx)
	defer a.end()
	a.noDial = true
	a.given = func() { r.line.park(w, a) } // a hook of the user may take its time
	defer r.line.unpark(w)
	a.limit = time.AfterFunc(routeLimit, func() { a.callOut() })
	defer a.limit.Stop()
	return b.acquire(a)
}

// wait waits in the queue of the pgxpool in use for a connection, or for one to be made. The others need not wait for
// that. w is called out when another pgxpool takes the place of this one.
func (r *router) wait(ctx context.Context, w *place) (*Conn, error) {
	a := newAttempt(ctx)
	defer a.end()
	b := r.enqueue(w, a)
	defer r.line.unpark(w)
	return b.acquire(a)
}

// enqueue returns the pgxpool in use. Whoever takes its place finds w in its queue.
func (r *router) enqueue(w *place, a *attempt) *backing {
	r.pool.mu.RLock()
	defer r.pool.mu.RUnlock()
	r.line.park(w, a)
	return r.pool.cur.backing
}

// pause waits until it is time for another look, which errMoved says.
func (r *router) pause(ctx context.Context) error {
	timer := time.NewTimer(routePause)
	defer timer.Stop()
	select {
	case <-r.home:
		timer.Reset(routeSoon)
	case <-timer.C:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-timer.C:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
}

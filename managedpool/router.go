package managedpool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
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

// router finds callers a connection while there is more than one pgxpool, in the order of their coming. None of them
// waits in the queue of a pgxpool, where he would not hear of connections in another.
type router struct {
	pool *Pool
	turn *semaphore.Weighted // who has it is the first in line
	home chan struct{}       // a connection comes home
}

func newRouter(p *Pool) *router {
	return &router{pool: p, turn: semaphore.NewWeighted(1), home: make(chan struct{}, 1)}
}

// released makes the first in line look soon.
func (r *router) released() {
	select {
	case r.home <- struct{}{}:
	default:
	}
}

// acquire waits for a connection; errMoved says that there is only one pgxpool now, or that its turn was lost.
func (r *router) acquire(ctx context.Context) (*Conn, error) {
	if err := r.turn.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	leave := sync.OnceFunc(func() { r.turn.Release(1) })
	defer leave()
	for {
		c, found, err := r.look(ctx, leave)
		if found {
			return c, err
		}
		if err := r.pause(ctx); err != nil {
			return nil, err
		}
	}
}

// look takes an idle connection, of the newest pgxpool that has one, or makes one where there is room for it.
func (r *router) look(ctx context.Context, leave func()) (c *Conn, found bool, err error) {
	open := r.pool.open()
	if len(open) == 1 {
		return nil, true, errMoved
	}
	limit := time.AfterFunc(routeLimit, leave)
	defer limit.Stop()
	for _, b := range slices.Backward(open) {
		if b.pool.Stat().IdleConns() == 0 {
			continue
		}
		c, err := b.acquire(withoutDial(ctx))
		if err != errMoved {
			return c, true, err
		}
	}
	if !r.pool.hasRoom(0) {
		return nil, !limit.Stop(), errMoved
	}
	leave()
	c, err = r.pool.current().backing.acquire(ctx)
	return c, true, err
}

// pause waits until it is time for another look.
func (r *router) pause(ctx context.Context) error {
	timer := time.NewTimer(routePause)
	defer timer.Stop()
	select {
	case <-r.home:
		timer.Reset(routeSoon)
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type noDialKey struct{}

// withoutDial makes an acquire fail with errMoved instead of making a connection.
func withoutDial(ctx context.Context) context.Context {
	return context.WithValue(ctx, noDialKey{}, true)
}

func mayDial(ctx context.Context) bool { return ctx.Value(noDialKey{}) == nil }

package managedpool

import "context"

// headroom counts the sessions that the pool has beyond those of pgxpool: being verified, or spare. A place
// is given back when the session is gone or has become one of pgxpool's.
type headroom chan struct{}

// newHeadroom has room for one session at least: without headroom, it takes the place of a connection.
func newHeadroom(n int) headroom { return make(headroom, max(1, n)) }

func (h headroom) acquire(ctx context.Context) error {
	select {
	case h <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h headroom) tryAcquire() bool {
	select {
	case h <- struct{}{}:
		return true
	default:
		return false
	}
}

func (h headroom) release() { <-h }

package managedpool

import "context"

type ownKey struct{}

// errand is what the pool itself does with pgxpool, as opposed to a caller. It travels in the context, so that
// hooks know whom they serve. The zero errand just takes connections.
type errand struct {
	owner *Pool // set by withErrand
	// refuse says which idle connections to let go, in AcquireAllIdle.
	refuse func(*session) bool
	// dialing is called when an acquire has found nothing idle and makes a connection.
	dialing func()
}

func (p *Pool) withErrand(ctx context.Context, e *errand) context.Context {
	e.owner = p
	return context.WithValue(ctx, ownKey{}, e)
}

// errandOf returns the pool's own errand, nil for a caller's context. That may be derived from the errand of another
// pool, whose hook uses this one.
func (b *backing) errandOf(ctx context.Context) *errand {
	if e, _ := ctx.Value(ownKey{}).(*errand); e != nil && e.owner == b.owner {
		return e
	}
	return nil
}

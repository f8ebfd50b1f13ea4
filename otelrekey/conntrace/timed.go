package conntrace

import (
	"context"
	"time"
)

// timed is the context of an acquire that is timed. Like every context it may be wrapped on its way.
type timed struct {
	context.Context
	tracer *Tracer
	from   time.Time
}

// Value gives the acquire itself to its tracer.
func (a *timed) Value(key any) any {
	if key == (timedKey{a.tracer}) {
		return a
	}
	return a.Context.Value(key)
}

type timedKey struct{ *Tracer }

package managedpool

import (
	"context"
	"sync/atomic"
	"time"
)

// attempt is one try of a caller to get a connection from a certain pgxpool. He can be called out of it until he is
// given one; from then on hooks of the user may be at work on it. It travels in the context.
type attempt struct {
	context.Context
	cancel context.CancelCauseFunc
	noDial bool        // an idle connection or none
	limit  *time.Timer // calls the caller out; may be nil
	given  func()      // called when he is given a connection; may be nil
	state  atomic.Int32
}

// States of an attempt.
const (
	attemptWaits int32 = iota
	attemptGiven
	attemptCalledOut
)

type attemptKey struct{}

// newAttempt makes one, to be ended with end.
func newAttempt(ctx context.Context) *attempt {
	a := &attempt{}
	a.Context, a.cancel = context.WithCancelCause(ctx)
	return a
}

// Value gives the attempt itself to whoever asks for it.
func (a *attempt) Value(key any) any {
	if key == (attemptKey{}) {
		return a
	}
	return a.Context.Value(key)
}

func (a *attempt) end() { a.cancel(nil) }

// callOut makes the caller's wait fail with errMoved, and reports whether it did.
func (a *attempt) callOut() bool {
	if !a.state.CompareAndSwap(attemptWaits, attemptCalledOut) {
		return false
	}
	a.cancel(errMoved)
	return true
}

func (a *attempt) calledOut() bool { return a.state.Load() == attemptCalledOut }

// give reports whether the caller may have a connection: he was not called out.
func (a *attempt) give() bool {
	if a == nil {
		return true
	}
	if !a.state.CompareAndSwap(attemptWaits, attemptGiven) {
		return false
	}
	if a.limit != nil {
		a.limit.Stop()
	}
	if a.given != nil {
		a.given()
	}
	return true
}

// takeBack makes the caller wait for another connection.
func (a *attempt) takeBack() {
	if a == nil {
		return
	}
	a.state.Store(attemptWaits)
	if a.limit != nil {
		a.limit.Reset(routeLimit)
	}
}

// attemptOf returns the attempt that ctx belongs to, nil if it is none.
func attemptOf(ctx context.Context) *attempt {
	a, _ := ctx.Value(attemptKey{}).(*attempt)
	return a
}

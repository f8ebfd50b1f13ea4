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
	cancel  context.CancelCauseFunc
	caller  context.Context // what the user's hooks get
	backing *backing        // set before it is used
	noDial  bool            // an idle connection or none
	limit   *time.Timer     // calls the caller out; may be nil
	state   atomic.Int32
	dials   atomic.Bool // no connection was idle: one is made
	pending atomic.Bool // it is counted among those who are about to take an idle connection
}

// States of an attempt.
const (
	attemptWaits int32 = iota
	attemptPings       // the connection that he is to be given
	attemptGiven
	attemptCalledOut
)

type attemptKey struct{}

// newAttempt makes one, to be ended with end.
func newAttempt(ctx context.Context) *attempt {
	a := &attempt{caller: ctx}
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

// within limits how long the caller waits to be given a connection.
func (a *attempt) within(d time.Duration) {
	a.limit = time.AfterFunc(d, func() { a.callOut() })
}

func (a *attempt) end() {
	if a.limit != nil {
		a.limit.Stop()
	}
	a.cancel(nil)
}

// callOut makes the caller's wait fail with errMoved, and reports whether it did.
func (a *attempt) callOut() bool {
	if !a.state.CompareAndSwap(attemptWaits, attemptCalledOut) {
		return false
	}
	a.cancel(errMoved)
	return true
}

// settle ends the count: he has a connection, or none, or one is made for him.
func (a *attempt) settle() {
	if a.pending.CompareAndSwap(true, false) {
		a.backing.pending.Add(-1)
	}
}

func (a *attempt) calledOut() bool { return a.state.Load() == attemptCalledOut }

// ping reports whether the caller may wait for the ping of a connection: he was not called out. Where it is not the first
// one, the ping before has failed.
func (a *attempt) ping() bool { return a == nil || a.become(attemptPings) }

// give reports whether the caller may have the connection.
func (a *attempt) give() bool { return a == nil || a.become(attemptGiven) }

func (a *attempt) become(state int32) bool {
	if !a.state.CompareAndSwap(attemptWaits, state) && !a.state.CompareAndSwap(attemptPings, state) {
		return false
	}
	if a.limit != nil {
		a.limit.Stop()
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

// attemptOf returns the attempt at b that ctx belongs to, nil if it is none.
func attemptOf(ctx context.Context, b *backing) *attempt {
	if a, _ := ctx.Value(attemptKey{}).(*attempt); a != nil && a.backing == b {
		return a
	}
	return nil
}

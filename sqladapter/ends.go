package sqladapter

import (
	"context"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/worker"
)

const (
	// cancelTimeout bounds the request to cancel what a connection is doing when its time is up, and
	// cancelStart is how long the connection lives on for it: less than the margin of a lease of a second.
	cancelTimeout = time.Second
	cancelStart   = 50 * time.Millisecond

	// A hand-over is late after patienceBase and patiencePerConn for each of MaxOpenConns: more than what a
	// login takes.
	patienceBase    = 250 * time.Millisecond
	patiencePerConn = 25 * time.Millisecond

	// warnAfter is how long connections may stay in use before somebody had better know.
	warnAfter = time.Minute

	// leavePause is the wait between two looks for connections that cannot wait for their turn.
	leavePause = 20 * time.Millisecond
)

// ends closes the connections that cannot wait for a hand-over: whose credential comes to its end, whose role is
// gone, or whose hand-over is late. It depends on nothing that a hand-over waits for.
type ends struct {
	*worker.Worker
	adapter *adapter
}

func newEnds(a *adapter) *ends {
	e := &ends{adapter: a}
	e.Worker = worker.New(e.enforce)
	return e
}

// enforce goes on while there is an end to wait for.
func (e *ends) enforce() {
	for e.Ctx.Err() == nil {
		next := e.closeEnded()
		next = earlier(next, e.lookAtAge())
		if e.dropLeaving() {
			next = earlier(next, time.Now().Add(leavePause))
		}
		if next.IsZero() {
			return
		}
		e.PauseUntil(next)
	}
}

// closeEnded closes what must be gone by now, connections in use included, and returns the next time at which
// something must; zero: never.
func (e *ends) closeEnded() time.Time {
	var next time.Time
	now := time.Now()
	for _, g := range e.adapter.sessions.endings(e.adapter.config.DrainTimeout) {
		mine := !g.inUse || g.generation.ended.Load() || e.adapter.closing.begun.Load() // else the engine's to call
		switch {
		case g.deadline.IsZero() || !mine:
		case now.Before(g.deadline.Round(0)) && !g.generation.ended.Load():
			next = earlier(next, g.deadline)
		default:
			e.closeAll(g.generation)
			next = earlier(next, now.Add(leavePause)) // for logins that were under way
		}
	}
	return next
}

// closeAll closes every connection of g: the idle ones first, then, cancelled, those in use.
func (e *ends) closeAll(g *generation) {
	if g != e.adapter.current() || e.adapter.closing.begun.Load() { // else the engine has said so, and may take it back
		g.ended.Store(true)
		e.adapter.sessions.look()
	}
	e.adapter.closeIdle(func(s *Session) bool { return s.generation.Load() == g })
	e.adapter.handover.Kick()
	e.adapter.cutOffAll(g)
}

// dropLeaving closes every idle connection that cannot wait for its turn, and reports whether there are
// connections that cannot.
func (e *ends) dropLeaving() (any bool) {
	for _, g := range e.adapter.sessions.endings(0) {
		any = any || g.generation.leaves()
	}
	if any {
		leaves := func(s *Session) bool { return s.generation.Load().leaves() }
		e.adapter.closeIdle(leaves)
		if e.adapter.config.Driver.native() {
			ctx, cancel := context.WithTimeout(e.Ctx, turnPause)
			e.adapter.closeReturning(ctx, e.adapter.config.MaxOpenConns, leaves)
			cancel()
		}
		e.adapter.handover.Kick()
	}
	return any
}

// lookAtAge ends the pace for generations whose hand-over takes too long: the issuer may be about to end their logins. Of
// those that take very long it warns. It returns when to look next.
func (e *ends) lookAtAge() (next time.Time) {
	patience := patienceBase + time.Duration(e.adapter.config.MaxOpenConns)*patiencePerConn
	for _, d := range e.adapter.sessions.draining() {
		g, age := d.generation, time.Since(d.superseded)
		switch {
		case age < patience:
			next = earlier(next, d.superseded.Add(patience))
			continue
		case !g.late.Swap(true):
			e.adapter.sessions.look()
		case age >= warnAfter && !g.warned:
			g.warned = true
			e.adapter.reports.inUse(d)
		}
		if !g.warned {
			next = earlier(next, d.superseded.Add(warnAfter))
		}
	}
	return next
}

// earlier returns the earlier of two times, of which the zero one is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// cutOffAll closes every session of g, or of all generations if that is nil, under its user, and returns how many there
// were.
func (a *adapter) cutOffAll(g *generation) int {
	left := a.sessions.of(g)
	cut := 0
	var cuts sync.WaitGroup
	for _, s := range left {
		if s.leaving.Load() { // it says goodbye, and is not given long for it
			if open := a.sessions.socketOf(s); open != nil {
				time.AfterFunc(2*cancelStart, open.Abort)
			}
			continue
		}
		if s.pooled.Load() && a.sessions.socketOf(s) != nil && !s.cut.Swap(true) {
			a.sessions.countCancelled(s.generation.Load()) // before it is gone, and the generation perhaps with it
			cut++
		}
		cuts.Go(func() { a.cutOff(s) })
	}
	cuts.Wait()
	return cut
}

// cutOff cancels what the server is doing for s and closes the socket under its user. The cancel request has a
// moment's start; on a network that hangs, the end of the connection does not wait for it. Where the socket is not to be
// seen, the connection goes when it comes home.
func (a *adapter) cutOff(s *Session) {
	open := a.sessions.socketOf(s)
	if open == nil {
		return
	}
	if s.conn == nil { // a login that came to nothing, whose socket lingers
		open.Abort()
		return
	}
	cancelled := make(chan struct{})
	go func() { // ends by itself within cancelTimeout
		defer close(cancelled)
		if a.config.Driver.Cancel != nil {
			ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
			defer cancel()
			a.config.Driver.Cancel(ctx, s.conn)
		}
	}()
	timer := time.NewTimer(cancelStart)
	defer timer.Stop()
	select {
	case <-cancelled:
	case <-timer.C:
	}
	open.Abort()
}

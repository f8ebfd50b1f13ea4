package sqladapter

import (
	"context"
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/worker"
)

const (
	// cancelTimeout bounds the request to cancel what a connection is doing when its time is up, and
	// cancelStart is how long the connection lives on for it: less than the margin of a lease of a second.
	cancelTimeout = time.Second
	cancelStart   = 50 * time.Millisecond

	// manyTurns is how often the adapter queues for each connection of a saturated pool while those that come home are of
	// no use to callers: a caller who is given three of them in a row fails, and the turns are drawn by lot.
	manyTurns = 16

	// queueTime is what the adapter gets to queue before connections are cut off.
	queueTime = 2 * time.Millisecond
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
	for looks := 0; e.Ctx.Err() == nil; looks++ {
		again, kicked := e.look(looks)
		if !again {
			return
		}
		if kicked {
			looks = -1
		}
	}
}

// look closes what must go, and waits for the next end. looks counts those before it since something has changed.
func (e *ends) look(looks int) (again, kicked bool) {
	due, next := e.due()
	turned, soon := e.lookAtAge()
	if turned {
		looks = 0
	}
	stop, kickedEarly := e.watchReturning(len(due) > 0, looks)
	defer stop()
	for _, g := range due {
		e.closeAll(g)
	}
	next = leasetimer.Earlier(next, soon)
	if !e.dropLeaving(looks) && next.IsZero() {
		return false, false
	}
	return true, kickedEarly || e.PauseUntil(next) || turned
}

// watchReturning closes connections that cannot wait for their turn as they come home, where they cannot be turned away,
// until it is stopped. Where some are about to be cut off it is in the queue before those are.
func (e *ends) watchReturning(cuts bool, looks int) (stop func(), kicked bool) {
	wait := returnPause
	if looks > 0 {
		wait = maxReturnPause
	}
	leaves := func(s *Session) bool { return s.generation.Load().Leaves() }
	switch size := e.adapter.config.MaxOpenConns; {
	case cuts:
		stop = e.adapter.closeReturning(e.Ctx, manyTurns*size, wait, leaves)
		return stop, e.Pause(queueTime)
	case e.adapter.sessions.any((*generation).Useless):
		return e.adapter.closeReturning(e.Ctx, manyTurns*size, wait, leaves), false
	case e.adapter.sessions.any((*generation).Leaves):
		return e.adapter.closeReturning(e.Ctx, size, wait, leaves), false
	}
	return func() {}, false
}

// due returns the generations whose connections must be gone by now, those in use included, and the next time at which
// there is one; zero: never.
func (e *ends) due() (due []*generation, next time.Time) {
	now := time.Now()
	for _, g := range e.adapter.sessions.endings(e.adapter.config.DrainTimeout) {
		mine := !g.inUse || g.generation.Ended.Load() || e.adapter.closing.begun.Load() // else the engine's to call
		switch {
		case g.deadline.IsZero() || !mine:
		case now.Before(g.deadline.Round(0)) && !g.generation.Ended.Load():
			next = leasetimer.Earlier(next, g.deadline)
		default:
			due = append(due, g.generation)
		}
	}
	return due, next
}

// closeAll closes every connection of g: the idle ones first, then, cancelled, those in use.
func (e *ends) closeAll(g *generation) {
	if g != e.adapter.current() || e.adapter.closing.begun.Load() { // else the engine has said so, and may take it back
		g.Ended.Store(true)
		e.adapter.sessions.look()
	}
	e.adapter.closeIdle(func(s *Session) bool { return s.generation.Load() == g })
	e.adapter.handover.Kick()
	e.adapter.cutOffAll(g)
}

// dropLeaving closes every idle connection that cannot wait for its turn, and reports whether somebody has to look again: a
// second time for what was on its way home the first time, and for as long as there are any where they are not turned away.
func (e *ends) dropLeaving(looks int) (again bool) {
	if !e.adapter.sessions.any((*generation).Leaves) || looks > 1 && !e.adapter.config.Driver.native() {
		return false
	}
	if e.adapter.closeIdle(func(s *Session) bool { return s.generation.Load().Leaves() }) > 0 || looks == 0 {
		e.adapter.handover.Kick()
	}
	return true
}

// lookAtAge ends the pace for generations whose hand-over takes too long, and warns of those that take very long. It reports
// whether there is a new one of the former, and when to look next.
func (e *ends) lookAtAge() (turned bool, next time.Time) {
	look := lineage.LookAtAge(e.adapter.sessions.draining(), e.adapter.config.MaxOpenConns, e.adapter.config.DrainTimeout, time.Now())
	for _, d := range look.InUse {
		e.adapter.reports.InUse(d)
	}
	if look.Late {
		e.adapter.sessions.look()
	}
	return look.Late, look.Next
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
	open.Cut(rekey.ErrCutOff)
}

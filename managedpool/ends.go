package managedpool

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
)

// ends closes the connections that cannot wait for a hand-over: whose credential comes to its end, whose role is
// gone, or whose hand-over is late. It depends on nothing that a hand-over waits for.
type ends struct {
	*worker.Worker
	pool *Pool
}

func newEnds(p *Pool) *ends {
	e := &ends{pool: p}
	e.Worker = worker.New(e.enforce)
	return e
}

// enforce goes on while there is an end to wait for.
func (e *ends) enforce() {
	for looks := 0; e.Ctx.Err() == nil; looks++ {
		next := e.closeEnded()
		turned, soon := e.lookAtAge()
		if turned {
			looks = 0
		}
		next = leasetimer.Earlier(next, soon)
		leaving := looks < 2 && e.dropLeaving() // a second time for what was on its way home the first time
		if next.IsZero() && !leaving {
			return
		}
		if e.PauseUntil(next) {
			looks = -1
		}
	}
}

// closeEnded closes what must be gone by now, connections in use included, and returns the next time at which
// something must; zero: never.
func (e *ends) closeEnded() time.Time {
	var next time.Time
	now := time.Now()
	for _, g := range e.pool.sessions.withSessions() {
		deadline := e.pool.sessions.deadlineOf(g, e.pool.options.DrainTimeout)
		switch {
		case deadline.IsZero() || !e.mayEnd(g):
		case now.Before(deadline.Round(0)) && !g.Ended.Load():
			if next.IsZero() || deadline.Before(next) {
				next = deadline
			}
		default:
			e.closeAll(g)
		}
	}
	return next
}

// mayEnd reports whether the end of g is not the engine's to call: that of the login in use is, while it is
// refreshed.
func (e *ends) mayEnd(g *generation) bool {
	return g != e.pool.current() || g.Ended.Load() || e.pool.closing.begun.Load()
}

// closeAll closes every connection of g: the idle ones first, then, cancelled, those in use. A hijacked
// connection is closed as well: its credential has ended.
func (e *ends) closeAll(g *generation) {
	if g != e.pool.current() || e.pool.closing.begun.Load() { // else the engine has said so, and may take it back
		g.Ended.Store(true)
		e.pool.sessions.look()
	}
	e.pool.closeIdle(func(s *session) bool { return s.generation.Load() == g })
	e.pool.handover.Kick() // which may have found nothing idle meanwhile
	inUse := e.pool.sessions.of(func(other *generation) bool { return other == g })
	var cancels sync.WaitGroup
	for _, s := range inUse {
		if s.leaving.Load() { // it says goodbye, and is not given long for it
			time.AfterFunc(2*cancelStart, e.pool.sessions.socketOf(s).Abort)
			continue
		}
		if s.pooled.Load() && !s.held.Load() && !s.cut.Swap(true) {
			e.pool.sessions.countCut(s, g) // before it is gone, and the generation perhaps with it
		}
		cancels.Go(func() { e.pool.cutOff(s) })
	}
	cancels.Wait()
}

// dropLeaving closes every idle connection that cannot wait for its turn, and reports whether there are
// connections that cannot.
func (e *ends) dropLeaving() bool {
	if !e.pool.sessions.anyLeaves() {
		return false
	}
	e.pool.closeIdle(func(s *session) bool { return s.generation.Load().Leaves() })
	e.pool.handover.Kick()
	return true
}

// lookAtAge ends the pace for generations whose hand-over takes too long, and warns of those that take very long. It reports
// whether there is a new one of the former, and when to look next.
func (e *ends) lookAtAge() (turned bool, next time.Time) {
	look := lineage.LookAtAge(e.pool.sessions.draining(), e.pool.limit(), e.pool.options.DrainTimeout, time.Now())
	for _, d := range look.InUse {
		e.pool.reports.InUse(d)
	}
	if look.Late {
		e.pool.sessions.look()
	}
	return look.Late, look.Next
}

// cutOff cancels what the server is doing for s and closes the socket under its user. The cancel request has a
// moment's start; on a network that hangs, the end of the connection does not wait for it.
func (p *Pool) cutOff(s *session) {
	cancelled := make(chan struct{})
	go func() { // ends by itself within cancelTimeout
		defer close(cancelled)
		if conn := s.conn.Load(); conn != nil {
			ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
			defer cancel()
			conn.CancelRequest(ctx)
		}
	}()
	timer := time.NewTimer(cancelStart)
	defer timer.Stop()
	select {
	case <-cancelled:
	case <-timer.C:
	}
	if open := p.sessions.socketOf(s); open != nil {
		open.Cut(rekey.ErrCutOff)
	}
}

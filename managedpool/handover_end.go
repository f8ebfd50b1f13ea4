package managedpool

import (
	"context"
	"sync"
	"time"
)

// lookAtIdle pings the idle connections after the server has killed one, so that callers do not find the other
// dead ones one by one.
func (h *handover) lookAtIdle() {
	if !h.sweeping.Swap(false) {
		return
	}
	h.pool.sessions.errand(1)
	defer h.pool.sessions.errand(-1)
	var pings sync.WaitGroup
	for _, c := range h.pool.inner.AcquireAllIdle(withErrand(h.ctx, &errand{})) {
		pings.Go(func() {
			ctx, cancel := context.WithTimeout(h.ctx, pingTimeout)
			defer cancel()
			c.Ping(ctx) // a dead connection is closed by it, and not taken back
			c.Release()
		})
	}
	pings.Wait()
}

// closeEnded closes what must be gone by now, connections in use included, and returns the next time at which
// something must; zero: never.
func (h *handover) closeEnded() time.Time {
	var next time.Time
	now := time.Now()
	for _, g := range h.pool.sessions.withSessions() {
		deadline := h.pool.sessions.deadlineOf(g, h.pool.options.DrainTimeout)
		switch {
		case deadline.IsZero():
		case g == h.pool.current() && !g.ended.Load():
			// its end is the engine's to call
		case now.Before(deadline.Round(0)) && !g.ended.Load():
			if next.IsZero() || deadline.Before(next) {
				next = deadline
			}
		default:
			h.closeAll(g)
		}
	}
	return next
}

// closeAll closes every connection of g: the idle ones first, then, cancelled, those in use. A hijacked
// connection is closed as well: its credential has ended.
func (h *handover) closeAll(g *generation) {
	if g != h.pool.current() { // whether that has ended is the engine's to say
		g.ended.Store(true)
		h.pool.sessions.look()
	}
	h.overIdle(func(s *session) bool { return s.generation.Load() == g })
	inUse := h.pool.sessions.of(func(other *generation) bool { return other == g })
	var cancels sync.WaitGroup
	cancelled := 0
	for _, s := range inUse {
		if s.leaving.Load() { // it says goodbye, and is not given long for it
			time.AfterFunc(2*cancelStart, h.pool.sessions.socketOf(s).abort)
			continue
		}
		cancelled++
		cancels.Go(func() { h.pool.cutOff(s) })
	}
	cancels.Wait()
	h.pool.sessions.countCancelled(g, cancelled)
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
	if socket := p.sessions.socketOf(s); socket != nil {
		socket.abort()
	}
}

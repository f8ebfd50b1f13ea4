package managedpool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/worker"
)

// settleSpare finds a place for a spare session when no old connection is left: a pool that is empty, or has fewer
// connections than the hand-over began with, takes it as one more, or a connect that has waited for a login; another
// has no use for it.
func (h *handover) settleSpare() {
	if h.short() && h.spare.fresh() {
		h.absorb()
		if h.spare.filled() { // a caller was faster than the connect, or the machine slow
			h.Pause(fillPause)
		}
		return
	}
	if h.current().Stat().ConstructingConns() > 0 {
		h.awaitTaken()
	}
	h.dropSpare()
}

// short reports whether the pool is empty, or the hand-over has left it with fewer connections than there were.
func (h *handover) short() bool {
	all := h.pool.totals().all
	return all == 0 || h.to == h.pool.current() && all < h.target
}

// settle ends the wait for the first session's place, if there has been one.
func (h *handover) settle() {
	if h.pool.current().credential.Username != "" {
		h.settleOnce.Do(func() { close(h.settled) })
	}
}

// awaitSettled waits until the first session has become the pool's first connection: a caller who comes before that
// would make another beside it.
func (h *handover) awaitSettled() {
	timer := time.NewTimer(2 * absorbLimit)
	defer timer.Stop()
	select {
	case <-h.settled:
	case <-timer.C:
	}
}

// replaceOne lets a fresh connection take the place of one old connection, or waits until that can be done.
func (h *handover) replaceOne() {
	if !h.pool.serves() || !h.replaceable() {
		h.Pause(worker.LongestPause) // until there is a login to replace it with, or a connection that can be replaced
		return
	}
	if h.pool.options.Headroom < 0 {
		h.breakFirst()
		return
	}
	if h.owes && h.spare.filled() {
		h.fillOrWait() // before the next one goes
		h.owes = h.spare.filled()
		return
	}
	if h.wantsMore() && !h.spare.filled() && h.vain != h.pool.current() {
		switch err := h.makeSpare(); {
		case errors.Is(err, errNoPlace):
			h.Pause(worker.LongestPause) // until the verification that has the place is over
			return
		case err != nil && sqlState(err) != tooManyConnections:
			h.pauseAfterFailure()
			return
		}
		h.failures = 0
	}
	if h.roomLeft() && h.spare.filled() {
		h.absorb()
		h.lead++
		if h.lead <= h.pool.ahead() && h.wantsMore() {
			return // the next one first, while there is headroom for it
		}
	}
	gone := h.letOneGo()
	if gone == nil {
		gone = h.letNextGo()
	}
	if gone != nil {
		h.vain = nil
		h.lead = max(0, h.lead-1)
		gone.await()
		h.fill()
		h.owes = h.spare.filled()
	}
}

// wantsMore reports whether another session should be made: not while connections are ahead of those that have gone,
// and in Replace mode not once there are as many as there were.
func (h *handover) wantsMore() bool {
	if h.lead > h.pool.ahead() {
		return false
	}
	return h.pool.options.Mode == InPlace || int(h.current().Stat().TotalConns()) < h.target
}

// breakFirst is replaceOne in a pool without headroom: one old connection goes, and the fresh session takes its place.
func (h *handover) breakFirst() {
	if h.spare.filled() {
		h.fillOrWait()
		return
	}
	if !h.pool.headroom.tryAcquire() {
		h.Pause(worker.LongestPause) // until the verification that has the place is over
		return
	}
	gone := h.letOneGo()
	if gone == nil {
		gone = h.letNextGo()
	}
	if gone == nil {
		h.pool.headroom.release()
		return
	}
	gone.await()
	if err := h.logInSpare(); err != nil {
		h.pauseAfterFailure()
		return
	}
	h.failures = 0
	h.fill()
}

// fillOrWait finds a place for a spare session, or drops one that nobody takes.
func (h *handover) fillOrWait() {
	h.fill()
	if h.spare.filled() && !h.spare.fresh() {
		h.dropSpare()
	}
	if h.spare.filled() {
		h.Pause(fillPause)
	}
}

// fill sees to it that the spare session, if there still is one, takes the place of the one that went: a caller
// who waits for a connection adopts it at once, else the pool does.
func (h *handover) fill() {
	if h.current().Stat().IdleConns() > 0 && h.spare.filled() {
		h.absorb() // nobody waits
		return
	}
	if !h.awaitTaken() {
		h.absorb()
	}
}

// awaitTaken gives a connect that is under way a moment to adopt the spare session, and reports whether it did.
func (h *handover) awaitTaken() bool {
	timer := time.NewTimer(fillPause)
	defer timer.Stop()
	select {
	case <-h.spare.taken():
		return true
	case <-timer.C:
		return false
	}
}

// pauseAfterFailure waits longer after each login that failed.
func (h *handover) pauseAfterFailure() {
	h.Pause(min(dialPause<<min(h.failures, 16), maxDialPause))
	h.failures++
}

// roomLeft reports whether pgxpool may make another connection as it is.
func (h *handover) roomLeft() bool {
	return h.pool.hasRoom(h.pool.ahead())
}

// replaceable reports whether any of the old connections is still pgxpool's: those that were hijacked are
// waited for, and cannot be replaced. Which ones were hijacked pgxpool does not tell; where they are of the login in
// use, this says no too early, and the rest goes when the hand-over is late.
func (h *handover) replaceable() bool {
	old, all := h.pool.sessions.count()
	t := h.pool.totals()
	hijacked := all - (t.all - t.constructing)
	return old > max(0, hijacked)
}

// errNoPlace says that something else has the headroom.
var errNoPlace = errors.New("managedpool: no place in Options.Headroom")

// makeSpare logs a session in for the next connect. A server without room for one more (SQLSTATE 53300) is not
// an obstacle: then an old connection goes first, and the next connect logs in by itself.
func (h *handover) makeSpare() error {
	if !h.pool.headroom.tryAcquire() {
		return errNoPlace
	}
	return h.logInSpare()
}

// logInSpare is makeSpare with a place in the headroom, which is given back if it fails.
func (h *handover) logInSpare() error {
	ctx, cancel := context.WithTimeout(h.Ctx, spareTimeout)
	defer cancel()
	g := h.pool.current()
	config, err := g.backing.dialConfig(ctx)
	if err != nil {
		h.pool.headroom.release()
		return err
	}
	s := h.pool.sessions.beginExtra(g)
	session, err := h.pool.logInAs(ctx, s, g, &config.Config)
	if err != nil {
		h.refused(g, err)
		return err
	}
	h.putSpare(session)
	return nil
}

// refused reports a login that the server refused to the engine.
func (h *handover) refused(g *generation, err error) {
	refused := loginError(g.credential.Version, err)
	if distrusts(refused.SQLState) && g == h.pool.current() {
		h.pool.engine.Refused(g.Snapshot.Load(), refused)
	}
}

// current returns the pgxpool in use.
func (h *handover) current() *pgxpool.Pool { return h.pool.current().backing.pool }

// absorb makes pgxpool adopt the spare session at once, instead of at its next need. pgxpool makes no
// connection while one is idle, so the idle ones are held for the moment that the connect takes to begin.
func (h *handover) absorb() {
	h.pool.sessions.errand(1)
	defer h.pool.sessions.errand(-1)
	_, giveBack := h.pool.borrowIdle(h.Ctx, &errand{})
	limit := time.AfterFunc(holdLimit, giveBack)
	defer limit.Stop()
	defer giveBack()

	ctx, cancel := context.WithTimeout(h.Ctx, absorbLimit)
	defer cancel()
	var dialled atomic.Bool
	dialing := func() {
		dialled.Store(true)
		giveBack()
	}
	began := time.Now()
	conn, err := h.current().Acquire(h.pool.withErrand(ctx, &errand{dialing: dialing}))
	h.pool.callers.errand(time.Since(began), dialled.Load(), err)
	if err == nil {
		sessionOf(conn.Conn()).birth.Store(nil)
		conn.Release()
	}
}

// letOneGo closes one idle connection of an old generation, of the oldest that has one, and returns it; nil if
// there is none.
func (h *handover) letOneGo() *session {
	for _, old := range h.pool.sessions.draining() {
		if gone := h.pool.closeOneIdle(func(s *session) bool { return s.generation.Load() == old.Generation }); gone != nil {
			return gone
		}
	}
	return nil
}

// letNextGo lets the next old connection that comes home go, and returns it; nil if something else happens
// first. A spare that grows old meanwhile is given up, and no other is made in vain: the connect that follows
// logs in by itself.
func (h *handover) letNextGo() *session {
	h.allowed.Store(true)
	if gone := h.letOneGo(); gone != nil { // it came home before it was allowed to go
		return h.firstOf(gone)
	}
	limit := time.NewTimer(spareLife)
	defer limit.Stop()
	select {
	case gone := <-h.went:
		return gone
	case <-limit.C:
		h.vain = h.pool.current()
		h.dropSpare()
	case <-h.Wake:
	case <-h.Ctx.Done():
	}
	return h.firstOf(nil)
}

// firstOf ends the permission to go, and returns whoever has used it meanwhile, else gone.
func (h *handover) firstOf(gone *session) *session {
	if h.allowed.CompareAndSwap(true, false) {
		return gone
	}
	return <-h.went
}

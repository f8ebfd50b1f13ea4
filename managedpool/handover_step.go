package managedpool

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// settleSpare finds a place for a spare session when no old connection is left: an empty pool takes it as its
// first connection, another has no use for it.
func (h *handover) settleSpare() {
	if h.pool.inner.Stat().TotalConns() == 0 {
		h.absorb()
	}
	h.dropSpare()
	h.settleOnce.Do(func() { close(h.settled) })
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

// replaceOne lets a fresh connection take the place of one old connection. It returns false when that cannot
// be done before the next kick.
func (h *handover) replaceOne(until time.Time) bool {
	if !h.pool.serves() || !h.replaceable() {
		return h.pause(until) // until there is a login to replace it with, or a connection that can be replaced
	}
	if !h.spare.filled() && h.vain != h.pool.current() {
		switch err := h.makeSpare(until); {
		case errors.Is(err, errNoPlace):
			return h.pause(until) // until the verification that has the place is over
		case err != nil && sqlState(err) != tooManyConnections:
			return h.pauseFor(dialPause, until)
		}
	}
	if h.roomLeft() && h.spare.filled() {
		h.absorb()
	}
	gone := h.letOneGo()
	if gone == nil {
		gone = h.letNextGo(until)
	}
	if gone != nil {
		h.vain = nil
		gone.await()
		h.fill()
	}
	return h.ctx.Err() == nil
}

// fill sees to it that the spare session, if there still is one, takes the place of the one that went: a caller
// who waits for a connection adopts it at once, else the pool does.
func (h *handover) fill() {
	if h.pool.inner.Stat().IdleConns() > 0 && h.spare.filled() {
		h.absorb() // nobody waits
		return
	}
	timer := time.NewTimer(fillPause)
	defer timer.Stop()
	select {
	case <-h.spare.taken():
	case <-timer.C:
		if h.spare.filled() {
			h.absorb()
		}
	}
}

// roomLeft reports whether pgxpool may make another connection as it is.
func (h *handover) roomLeft() bool {
	stat := h.pool.inner.Stat()
	return stat.TotalConns() < stat.MaxConns()
}

// replaceable reports whether any of the old connections is still pgxpool's: those that were hijacked are
// waited for, and cannot be replaced.
func (h *handover) replaceable() bool {
	old, all := h.pool.sessions.count()
	stat := h.pool.inner.Stat()
	hijacked := all - int(stat.TotalConns()-stat.ConstructingConns())
	return old > max(0, hijacked)
}

// errNoPlace says that something else has the headroom.
var errNoPlace = errors.New("managedpool: no place in Options.Headroom")

// makeSpare logs a session in for the next connect. A server without room for one more (SQLSTATE 53300) is not
// an obstacle: then an old connection goes first, and the next connect logs in by itself.
func (h *handover) makeSpare(until time.Time) error {
	ctx, cancel := context.WithTimeout(h.ctx, spareTimeout)
	defer cancel()
	if !until.IsZero() { // what must be closed then is not kept waiting
		ctx, cancel = context.WithDeadline(ctx, until)
		defer cancel()
	}
	g := h.pool.current()
	config, err := h.pool.dialConfig(ctx)
	if err != nil {
		return err
	}
	if !h.pool.headroom.tryAcquire() {
		return errNoPlace
	}
	s := h.pool.sessions.beginExtra(g)
	session, err := h.pool.logInAs(ctx, s, g, config)
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
		h.pool.engine.Refused(g.snapshot.Load(), refused)
	}
}

// absorb makes pgxpool adopt the spare session at once, instead of at its next need. pgxpool makes no
// connection while one is idle, so the idle ones are held for the moment that the connect takes to begin.
func (h *handover) absorb() {
	h.pool.sessions.errand(1)
	defer h.pool.sessions.errand(-1)

	held := newHeld(h.pool.inner.AcquireAllIdle(withErrand(h.ctx, &errand{})))
	limit := time.AfterFunc(holdLimit, held.release)
	defer limit.Stop()
	defer held.release()

	ctx, cancel := context.WithTimeout(h.ctx, absorbLimit)
	defer cancel()
	conn, err := h.pool.inner.Acquire(withErrand(ctx, &errand{dialing: held.release}))
	if err == nil {
		conn.Release()
	}
}

// letOneGo closes one idle connection of an old generation, of the oldest that has one, and returns it; nil if
// there is none.
func (h *handover) letOneGo() *session {
	for _, old := range h.pool.sessions.draining() {
		if gone := h.closeIdle(func(s *session) bool { return s.generation.Load() == old.generation }); gone != nil {
			return gone
		}
	}
	return nil
}

// dropLeaving closes every idle connection that cannot wait for its turn.
func (h *handover) dropLeaving() {
	if h.pool.sessions.anyLeaves() {
		h.overIdle(func(s *session) bool { return s.generation.Load().leaves() })
	}
}

// hurry ends the pace for a generation whose hand-over takes too long, on a machine that is too busy for it or
// because of yet another rotation: the issuer may be about to end its login.
func (h *handover) hurry(old *generation) {
	patience := patienceBase + time.Duration(h.pool.config.MaxConns)*patiencePerConn
	time.AfterFunc(patience, func() {
		old.late.Store(true)
		h.kick()
	})
}

// giveUpIdle closes one idle connection, to make room for another on a full server.
func (h *handover) giveUpIdle() {
	if gone := h.closeIdle(func(*session) bool { return true }); gone != nil {
		gone.await()
	}
}

// closeIdle closes the first idle connection that matches, and returns it; nil if there is none.
func (h *handover) closeIdle(match func(*session) bool) (closed *session) {
	h.overIdle(func(s *session) bool {
		if closed != nil || !match(s) {
			return false
		}
		closed = s
		return true
	})
	return closed
}

// overIdle closes those idle connections that refuse names.
func (h *handover) overIdle(refuse func(*session) bool) {
	h.pool.sessions.errand(1)
	defer h.pool.sessions.errand(-1)
	for _, c := range h.pool.inner.AcquireAllIdle(withErrand(h.ctx, &errand{refuse: refuse})) {
		c.Release()
	}
}

// letNextGo lets the next old connection that comes home go, and returns it; nil if something else happens
// first. A spare that grows old meanwhile is given up, and no other is made in vain: the connect that follows
// logs in by itself.
func (h *handover) letNextGo(until time.Time) *session {
	h.allowed.Store(true)
	if gone := h.letOneGo(); gone != nil { // it came home before it was allowed to go
		return h.firstOf(gone)
	}
	limit := time.NewTimer(spareLife)
	defer limit.Stop()
	end, stop := timerAt(until)
	defer stop()
	select {
	case gone := <-h.went:
		return gone
	case <-limit.C:
		h.vain = h.pool.current()
		h.dropSpare()
	case <-h.wake:
	case <-end:
	case <-h.ctx.Done():
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

// pause waits for a kick or the given time, and never long: what it waits for may come without a kick, and
// timers stop while a machine sleeps.
func (h *handover) pause(until time.Time) bool { return h.pauseFor(longestPause, until) }

// pauseFor waits for a kick, the given time, or the duration.
func (h *handover) pauseFor(d time.Duration, until time.Time) bool {
	if soon := time.Now().Add(d); until.IsZero() || soon.Before(until) {
		until = soon
	}
	end, stop := timerAt(until)
	defer stop()
	select {
	case <-h.wake:
		return true
	case <-end:
		return true
	case <-h.ctx.Done():
		return false
	}
}

// timerAt returns a channel that fires at t, never for the zero time, and its end.
func timerAt(t time.Time) (<-chan time.Time, func()) {
	if t.IsZero() {
		return nil, func() {}
	}
	timer := time.NewTimer(time.Until(t))
	return timer.C, func() { timer.Stop() }
}

// held is a set of idle connections that are kept from callers for a moment.
type held struct {
	once  sync.Once
	conns []*pgxpool.Conn
}

func newHeld(conns []*pgxpool.Conn) *held { return &held{conns: conns} }

// release gives them back. Only its first call counts.
func (h *held) release() {
	h.once.Do(func() {
		for _, c := range h.conns {
			c.Release()
		}
	})
}

package sqladapter

import (
	"context"
	"errors"
	"time"

	"github.com/rekeyhq/rekey/internal/worker"
)

// How the hand-over waits.
const (
	// fillPause is what a waiting caller needs to adopt a spare session once there is a place for it.
	fillPause = 5 * time.Millisecond
	// lookPause is the wait for a place that a verification has.
	lookPause = 10 * time.Millisecond
	// spareTimeout bounds the login of a spare session.
	spareTimeout = 5 * time.Second
	// dialPause is the wait after a connection could not be made for a reason that is not the login.
	// It is doubled with each such failure, up to maxDialPause.
	dialPause    = 200 * time.Millisecond
	maxDialPause = 10 * time.Second
)

// handover replaces the connections of superseded generations, one at a time: a fresh session is logged in beside the
// pool, then one old connection goes, an idle one first, else the next to come home, and the next connect adopts the
// fresh session. No caller waits for a login, and the budget holds.
type handover struct {
	*worker.Worker
	adapter *adapter
	spare   spare

	departs *permit // for the next connection of an old generation that comes home

	// The rest belongs to the worker.

	vain     *generation // a spare session of it grew old unused
	failures int         // sessions that could not be made, in a row
	owes     bool        // an old connection has gone, and the spare session has not taken its place
}

func newHandover(a *adapter) *handover {
	h := &handover{adapter: a, departs: newPermit()}
	h.Worker = worker.New(h.replace)
	return h
}

// stop ends the worker, and the spare session.
func (h *handover) stop() {
	h.Stop()
	h.adapter.discard(h.spare.close())
}

// replace goes on until no old connection is left, or nothing can be done before the next kick.
func (h *handover) replace() {
	for h.Ctx.Err() == nil {
		switch old := len(h.adapter.sessions.draining()); {
		case old == 0 && !h.spare.filled():
			h.failures, h.vain = 0, nil
			return
		case old == 0:
			h.owes = false
			h.settleSpare()
		default:
			h.replaceOne()
		}
	}
}

// settleSpare finds a place for a spare session when no old connection is left: a pool that is empty takes it; another
// has no use for it, unless a caller comes soon.
func (h *handover) settleSpare() {
	if h.adapter.db.Stats().OpenConnections == 0 {
		h.absorb()
		if h.spare.filled() {
			h.Pause(fillPause)
		}
		if !h.spare.old() {
			return
		}
	}
	h.dropSpare()
}

// replaceOne lets a fresh connection take the place of one old connection, or waits until that can be done.
func (h *handover) replaceOne() {
	if !h.adapter.serves() {
		h.Pause(worker.LongestPause) // until there is a login to replace it with
		return
	}
	if h.adapter.places.shared() {
		h.breakFirst()
		return
	}
	if h.owes && h.spare.filled() {
		h.fillOrWait() // before the next one goes
		h.owes = h.spare.filled()
		return
	}
	if !h.spare.filled() && h.vain != h.adapter.current() {
		switch err := h.makeSpare(); {
		case errors.Is(err, errNoPlace):
			h.Pause(lookPause) // until the verification that has the place is over
			return
		case err != nil && h.adapter.config.Driver.classify(err).Meaning != Full:
			h.pauseAfterFailure()
			return
		}
		h.failures = 0
	}
	h.letOneGo()
}

// breakFirst is replaceOne without headroom: one old connection goes, and a fresh one takes its place.
func (h *handover) breakFirst() {
	if h.spare.filled() {
		h.fillOrWait()
		return
	}
	giveUp := h.adapter.places.claim()
	gone := h.oneGone()
	if gone == nil {
		giveUp()
		return
	}
	err := h.makeSpare()
	giveUp()
	if err != nil && !errors.Is(err, errNoPlace) {
		h.pauseAfterFailure()
		return
	}
	h.failures = 0
	h.fill()
}

// letOneGo lets one old connection go, and gives its place to the spare session.
func (h *handover) letOneGo() {
	if gone := h.oneGone(); gone != nil {
		h.vain = nil
		h.fill()
		h.owes = h.spare.filled()
	}
}

// fillOrWait finds a place for a spare session, or drops one that nobody takes.
func (h *handover) fillOrWait() {
	h.fill()
	if h.spare.old() {
		h.dropSpare()
	}
	if h.spare.filled() {
		h.Pause(fillPause)
	}
}

// oneGone lets one old connection go, and waits until it is gone from the server; nil if none went.
func (h *handover) oneGone() *Session {
	gone := h.letNextGo()
	if gone != nil {
		gone.await()
	}
	return gone
}

func (h *handover) isOld(s *Session) bool { return s.generation.Load() != h.adapter.current() }

// mayGo reports whether s, which comes home, may be closed: it is of an old generation, and the hand-over waits for one
// to go.
func (h *handover) mayGo(s *Session) bool { return h.isOld(s) && h.departs.use(s) }

// letNextGo lets an old connection go, an idle one or the next that comes home, and returns its session; nil if something
// else happens first. A spare that grows old meanwhile is given up, and no other is made in vain: the connect that follows
// logs in by itself.
func (h *handover) letNextGo() *Session {
	h.departs.give()
	if h.adapter.closeOneIdle(h.mayGo) != nil {
		return h.departs.takeBack()
	}
	defer h.watchReturning()()
	limit := time.NewTimer(spareLife)
	defer limit.Stop()
	select {
	case gone := <-h.departs.used:
		return gone
	case <-limit.C:
		h.vain = h.adapter.current()
		h.dropSpare()
	case <-h.Wake:
	case <-h.Ctx.Done():
	}
	return h.departs.takeBack()
}

// watchReturning waits for an old connection that cannot be turned away when it comes home, where ends does not do so.
func (h *handover) watchReturning() (stop func()) {
	for _, d := range h.adapter.sessions.draining() {
		if !d.Generation.Leaves() {
			return h.adapter.closeReturning(h.Ctx, h.adapter.config.MaxOpenConns, returnPause, h.mayGo)
		}
	}
	return func() {}
}

// fill sees to it that the spare session, if there still is one, takes the place of the one that went: a caller who
// waits for a connection adopts it at once, else the pool does.
func (h *handover) fill() {
	if h.adapter.db.Stats().Idle == 0 {
		timer := time.NewTimer(fillPause)
		defer timer.Stop()
		select {
		case <-h.spare.taken():
			return
		case <-timer.C:
		}
	}
	h.absorb()
}

// absorb makes the pool adopt the spare session at once, instead of at its next need. database/sql makes no connection
// while one is idle, so the idle ones are held for the moment that this takes.
func (h *handover) absorb() {
	loans := h.adapter.borrowIdle(h.Ctx, nil)
	l, ok := h.adapter.borrow(h.Ctx, true)
	for _, other := range loans {
		other.end()
	}
	if ok {
		l.end()
	}
}

// errNoPlace says that something else has the headroom.
var errNoPlace = errors.New("sqladapter: no place in Config.Headroom")

// makeSpare logs a session in for the next connect.
func (h *handover) makeSpare() error {
	kind, ok := h.adapter.places.tryExtra()
	if !ok {
		return errNoPlace
	}
	ctx, cancel := context.WithTimeout(h.Ctx, spareTimeout)
	defer cancel()
	g := h.adapter.current()
	s, err := h.adapter.logIn(ctx, g, kind)
	if err == nil {
		h.putSpare(s)
		return nil
	}
	if answer := h.adapter.understand(g, err); answer.distrusts() {
		h.adapter.refused(g, answer.loginError(g.credential.Version))
	}
	return err
}

// pauseAfterFailure waits longer after each login that failed.
func (h *handover) pauseAfterFailure() {
	h.Pause(min(dialPause<<min(h.failures, 16), maxDialPause))
	h.failures++
}

// putSpare leaves a session for the next connect. It does not wait.
func (h *handover) putSpare(s *Session) {
	if before := h.spare.put(s); before != nil {
		go h.adapter.discard(before) // a moment's work; the engine's goroutine must not wait for it
	}
	h.Kick()
}

// takeSpare takes the spare session, if it can be trusted and belongs to the login in use.
func (h *handover) takeSpare() *Session {
	s, fresh := h.spare.take()
	if s == nil {
		return nil
	}
	if g := s.generation.Load(); !fresh || g != h.adapter.current() || g.Useless() {
		go h.adapter.discard(s) // a moment's work, which a caller need not wait for
		return nil
	}
	h.Kick()
	return s
}

// dropSpare closes the spare session, if there is one.
func (h *handover) dropSpare() {
	s, _ := h.spare.take()
	h.adapter.discard(s)
}

package managedpool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/worker"
)

// How the hand-over waits.
const (
	// holdLimit is how long idle connections are kept from callers at most, so that an acquire of the
	// pool's own finds none and makes one.
	holdLimit = 2 * time.Millisecond
	// absorbLimit bounds that acquire. A connect that takes longer goes on without it.
	absorbLimit = 50 * time.Millisecond
	// fillPause is what a waiting caller needs to adopt a spare session once there is a place for it.
	fillPause = 5 * time.Millisecond
	// spareTimeout bounds the login of a spare session.
	spareTimeout = 5 * time.Second
	// dialPause is the wait after a connection could not be made for a reason that is not the login.
	// It is doubled with each such failure, up to maxDialPause.
	dialPause    = 200 * time.Millisecond
	maxDialPause = 10 * time.Second
)

// handover replaces the connections of superseded generations, one at a time: a fresh session is logged in
// beside the pool, then one old connection goes, an idle one first, else the next to come home, and the next
// connect adopts the fresh session. No caller waits for a login, and the budget holds.
type handover struct {
	*worker.Worker
	pool  *Pool
	spare spare

	allowed atomic.Bool   // the next connection of an old generation to come home may go
	went    chan *session // one of them went

	// The rest belongs to the worker.

	vain     *generation // a spare session of it grew old unused
	to       *generation // whose hand-over this is
	target   int         // how many connections there were when it began
	lead     int         // connections absorbed for which no old one has gone
	owes     bool        // an old one has gone for which none was absorbed
	failures int         // sessions that could not be made, in a row

	settled    chan struct{} // closed when the first session has found its place
	settleOnce sync.Once
}

func newHandover(p *Pool) *handover {
	h := &handover{pool: p, went: make(chan *session, 1), settled: make(chan struct{})}
	h.Worker = worker.New(h.replace)
	return h
}

// stop ends the worker, and the spare session.
func (h *handover) stop() {
	h.Worker.Stop()
	if session := h.spare.close(); session != nil {
		session.Close()
	}
}

// replace goes on until no old connection is left, or nothing can be done before the next kick.
func (h *handover) replace() {
	for h.Ctx.Err() == nil {
		h.pool.closeEmpty()
		old := len(h.pool.sessions.draining())
		switch {
		case old == 0 && !h.spare.filled():
			h.lead, h.failures = 0, 0
			h.settle()
			return
		case old == 0:
			h.settleSpare()
		default:
			h.begin()
			h.replaceOne()
		}
	}
}

// begin takes note of where a hand-over begins.
func (h *handover) begin() {
	to := h.pool.current()
	if h.to == to {
		return
	}
	h.to, h.lead, h.owes, h.target = to, 0, false, h.pool.totals().all
	if h.pool.options.Headroom < 0 && h.spare.filled() {
		h.target++ // a connection has made room for its verification
	}
}

// mayGo reports whether s, which comes home, may be closed: it is of an old generation, and the hand-over waits for one
// to go.
func (h *handover) mayGo(s *session) bool {
	if s.generation.Load() == h.pool.current() || !h.allowed.CompareAndSwap(true, false) {
		return false
	}
	h.went <- s // there is room: allowed is set once for each that is taken out
	return true
}

// takeSpare returns the spare session, for a connect of b, if it can be trusted and belongs to the login in use. The
// connect has a session then, before the place of that in the headroom is free.
func (h *handover) takeSpare(b *backing, connect *placeless) *standby.Session {
	ready, fresh := h.spare.takeFor(b)
	if ready == nil {
		return nil
	}
	s := ready.Attached.(*session)
	if g := s.generation.Load(); !fresh || g != h.pool.current() || g.Useless() {
		ready.Close()
		return nil
	}
	connect.leave()
	h.pool.leaveHeadroom(s)
	h.Kick()
	return ready
}

// dropSpare closes the spare session, if there is one.
func (h *handover) dropSpare() {
	if session := h.spare.take(); session != nil {
		session.Close()
	}
}

// putSpare leaves a session for the next connect.
func (h *handover) putSpare(session *standby.Session) {
	if before := h.spare.put(session); before != nil {
		go before.Close() // within its own timeout; the engine's goroutine must not wait for it
	}
}

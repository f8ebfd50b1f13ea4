package managedpool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/standby"
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
	// A hand-over is late after patienceBase and patiencePerConn for each of MaxConns: several times what a
	// login takes.
	patienceBase    = 500 * time.Millisecond
	patiencePerConn = 50 * time.Millisecond
	// spareTimeout bounds the login of a spare session.
	spareTimeout = 5 * time.Second
	// longestPause is how long the goroutine waits at the most before it looks again.
	longestPause = time.Second
	// dialPause is the wait after a connection could not be made for a reason that is not the login.
	dialPause = 200 * time.Millisecond
	// pingTimeout bounds the look at an idle connection after others were killed.
	pingTimeout = time.Second
	// cancelTimeout bounds the request to cancel what a connection is doing when its time is up, and
	// cancelStart is how long the connection lives on for it: less than the margin of a lease of a second.
	cancelTimeout = time.Second
	cancelStart   = 50 * time.Millisecond
)

// handover replaces the connections of superseded generations, one at a time: a fresh session is logged in
// beside the pool, then one old connection goes, an idle one first, else the next to come home, and the next
// connect adopts the fresh session. No caller waits for a login, and the budget holds.
//
// Its goroutine runs only while there is something to do.
type handover struct {
	pool  *Pool
	spare spare

	allowed  atomic.Bool   // the next connection of an old generation to come home may go
	went     chan *session // one of them went
	sweeping atomic.Bool   // a session was killed by the server: look at the idle ones

	vain *generation // a spare session of it grew old unused; belongs to the goroutine

	settled    chan struct{} // closed when the first session has found its place
	settleOnce sync.Once

	mu       sync.Mutex // guards the fields below
	running  bool
	again    bool // something has changed since the goroutine last looked
	stopped  bool
	wake     chan struct{}
	distrust *distrust
	ctx      context.Context
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// distrust is a revoked role on its way to the engine.
type distrust struct {
	generation *generation
	err        *rekey.VerifyError
}

func newHandover(p *Pool) *handover {
	h := &handover{pool: p, went: make(chan *session, 1), wake: make(chan struct{}, 1), settled: make(chan struct{})}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h
}

// kick makes the goroutine look, and starts it if it does not run.
func (h *handover) kick() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.again = true
	if h.stopped {
		return
	}
	if !h.running {
		h.running = true
		h.done.Go(h.run)
		return
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// stop ends the goroutine and waits for it.
func (h *handover) stop() {
	h.mu.Lock()
	h.stopped = true
	h.mu.Unlock()
	h.cancel()
	h.done.Wait()
	h.dropSpare()
}

// sweep looks at the idle connections soon: the server has killed a session, and rarely just one.
func (h *handover) sweep() {
	h.sweeping.Store(true)
	h.kick()
}

// revoked reports a generation whose role has lost everything.
func (h *handover) revoked(g *generation, err *rekey.VerifyError) {
	h.mu.Lock()
	h.distrust = &distrust{g, err}
	h.mu.Unlock()
	h.kick()
}

// mayGo reports whether s, which comes home, may be closed: it is of an old generation, and the hand-over waits
// for one to go.
func (h *handover) mayGo(s *session) bool {
	if s.generation.Load() == h.pool.current() || !h.allowed.CompareAndSwap(true, false) {
		return false
	}
	h.went <- s // there is room: allowed is set once for each that is taken out
	return true
}

// run is the goroutine. It ends when there is nothing left to do.
func (h *handover) run() {
	for h.looksAgain() {
		h.work()
	}
}

// looksAgain reports whether the goroutine has something to do; if not, it is over.
func (h *handover) looksAgain() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.again && !h.stopped {
		h.again = false
		return true
	}
	h.running = false
	return false
}

// work does what there is to do until nothing is left, or nothing can be done before the next kick.
func (h *handover) work() {
	for h.ctx.Err() == nil {
		h.report()
		h.lookAtIdle()
		next := h.closeEnded()
		h.dropLeaving()
		old := h.pool.sessions.draining()
		if len(old) == 0 && !h.spare.filled() {
			return
		}
		if len(old) == 0 {
			h.settleSpare()
			continue
		}
		if !h.replaceOne(next) {
			return
		}
	}
}

// report tells the engine what was found.
func (h *handover) report() {
	h.mu.Lock()
	d := h.distrust
	h.distrust = nil
	h.mu.Unlock()
	if d != nil && d.generation == h.pool.current() {
		h.pool.engine.Revoked(d.generation.snapshot.Load(), d.err)
	}
	for _, g := range h.pool.sessions.takeDrained() {
		if s := g.snapshot.Load(); s != nil {
			h.pool.engine.Drained(s, g.cancelled, time.Since(g.superseded))
		}
	}
}

// takeSpare returns the spare session if it can be trusted and belongs to the login in use.
func (h *handover) takeSpare() *standby.Session {
	ready, fresh := h.spare.take()
	if ready == nil {
		return nil
	}
	s := ready.Attached.(*session)
	if g := s.generation.Load(); !fresh || g != h.pool.current() || g.useless() {
		ready.Close()
		return nil
	}
	h.pool.leaveHeadroom(s)
	return ready
}

// dropSpare closes the spare session, if there is one.
func (h *handover) dropSpare() {
	if session, _ := h.spare.take(); session != nil {
		session.Close()
	}
}

// putSpare leaves a session for the next connect.
func (h *handover) putSpare(session *standby.Session) {
	if before := h.spare.put(session); before != nil {
		go before.Close() // within its own timeout; the engine's goroutine must not wait for it
	}
}

package managedpool

import (
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
)

// reports tells the engine what the pool finds out. The engine takes its time when a handler of events does, so
// nothing else waits for it.
type reports struct {
	*worker
	pool *Pool

	mu       sync.Mutex // guards distrust
	distrust *distrust
}

// distrust is a revoked role on its way to the engine.
type distrust struct {
	generation *generation
	err        *rekey.VerifyError
}

func newReports(p *Pool) *reports {
	r := &reports{pool: p}
	r.worker = newWorker(r.deliver)
	return r
}

// revoked reports a generation whose role has lost everything.
func (r *reports) revoked(g *generation, err *rekey.VerifyError) {
	r.mu.Lock()
	r.distrust = &distrust{g, err}
	r.mu.Unlock()
	r.kick()
}

// deliver tells what there is to tell: a revoked role, and generations that have no session left.
func (r *reports) deliver() {
	r.mu.Lock()
	d := r.distrust
	r.distrust = nil
	r.mu.Unlock()
	if d != nil && d.generation == r.pool.current() {
		r.pool.engine.Revoked(d.generation.snapshot.Load(), d.err)
	}
	for _, d := range r.pool.sessions.takeDrained() {
		if g := d.generation.snapshot.Load(); g != nil {
			r.pool.engine.Drained(g, d.cancelled, time.Since(d.superseded))
		}
	}
}

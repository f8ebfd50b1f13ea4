package managedpool

import (
	"fmt"
	"sync"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/worker"
)

// reports tells the engine what the pool finds out. The engine takes its time when a handler of events does, so
// nothing else waits for it.
type reports struct {
	*worker.Worker
	pool *Pool

	mu       sync.Mutex // guards the fields below
	distrust []distrust // a generation at most once
	ask      bool       // the source for another login
	warnings []rekey.WarningEvent
}

// distrust is a revoked role on its way to the engine.
type distrust struct {
	generation *generation
	err        *rekey.VerifyError
}

func newReports(p *Pool) *reports {
	r := &reports{pool: p}
	r.Worker = worker.New(r.deliver)
	return r
}

// revoked reports a generation whose role has lost everything.
func (r *reports) revoked(g *generation, err *rekey.VerifyError) {
	r.mu.Lock()
	r.distrust = append(r.distrust, distrust{g, err})
	r.mu.Unlock()
	r.Kick()
}

// inUse warns of connections that do not come home.
func (r *reports) inUse(d drain) {
	r.mu.Lock()
	r.warnings = append(r.warnings, rekey.WarningEvent{
		Field: "DrainTimeout",
		Message: fmt.Sprintf("does not end the hand-over: %d connections of generation %d are still in use or hijacked, %v after "+
			"another login took its place; they stop working when its issuer ends it", d.Conns, d.Generation.ID(), lineage.WarnAfter),
	})
	r.mu.Unlock()
	r.Kick()
}

// disabled reports a role that may not log in any more.
func (r *reports) disabled() {
	r.mu.Lock()
	r.ask = true
	r.mu.Unlock()
	r.Kick()
}

// deliver tells what there is to tell: a revoked role, warnings, generations that have no session left, and hand-overs.
func (r *reports) deliver() {
	r.mu.Lock()
	revoked, ask, warnings := r.distrust, r.ask, r.warnings
	r.distrust, r.ask, r.warnings = nil, false, nil
	r.mu.Unlock()
	if ask {
		r.pool.engine.Ask()
	}
	for _, w := range warnings {
		r.pool.engine.Tell(w)
	}
	for _, d := range revoked {
		if d.generation == r.pool.current() {
			r.pool.engine.Revoked(d.generation.Snapshot.Load(), d.err)
		}
	}
	r.tellHandOvers()
	for _, d := range r.pool.sessions.takeDrained() {
		d.Tell(r.pool.engine)
	}
	r.tellHandOvers()
}

// tellHandOvers is called before generations are told to be drained, and after: a hand-over ends with the last of them.
func (r *reports) tellHandOvers() {
	for _, e := range r.pool.sessions.takeNews() {
		r.pool.engine.Tell(e)
	}
}

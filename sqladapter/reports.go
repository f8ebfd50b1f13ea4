package sqladapter

import (
	"fmt"
	"sync"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/worker"
)

// reports tells the engine what the adapter finds out. The engine takes its time when a handler of events does, so
// nothing else waits for it.
type reports struct {
	*worker.Worker
	adapter *adapter

	mu       sync.Mutex // guards the fields below
	distrust []distrust // a generation at most once
	warnings []rekey.WarningEvent
}

// distrust is a revoked role on its way to the engine.
type distrust struct {
	generation *generation
	err        *rekey.VerifyError
}

func newReports(a *adapter) *reports {
	r := &reports{adapter: a}
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
	r.warning(rekey.WarningEvent{
		Field: "DrainTimeout",
		Message: fmt.Sprintf("does not end the hand-over: %d connections of generation %d are still in use, %v after "+
			"another login took its place; they stop working when its issuer ends it", d.Conns, d.Generation.ID(), lineage.WarnAfter),
	})
}

// warning tells of what had better be known.
func (r *reports) warning(w rekey.WarningEvent) {
	r.mu.Lock()
	r.warnings = append(r.warnings, w)
	r.mu.Unlock()
	r.Kick()
}

// deliver tells what there is to tell: a revoked role, warnings, and generations that have no session left.
func (r *reports) deliver() {
	r.mu.Lock()
	revoked, warnings := r.distrust, r.warnings
	r.distrust, r.warnings = nil, nil
	r.mu.Unlock()
	for _, w := range warnings {
		r.adapter.engine.Tell(w)
	}
	for _, d := range revoked {
		if d.generation == r.adapter.current() {
			r.adapter.engine.Revoked(d.generation.Snapshot.Load(), d.err)
		}
	}
	r.tellHandOvers()
	for _, d := range r.adapter.sessions.takeDrained() {
		d.Tell(r.adapter.engine)
	}
	r.tellHandOvers()
}

// tellHandOvers is called before generations are told to be drained, and after: a hand-over ends with the last of them.
func (r *reports) tellHandOvers() {
	for _, e := range r.adapter.sessions.takeNews() {
		r.adapter.engine.Tell(e)
	}
}

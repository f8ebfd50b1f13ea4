// Package reports brings to the engine what a pool finds out. The engine takes its time when a handler of events does, so nothing
// else waits for it.
package reports

import (
	"fmt"
	"sync"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/worker"
)

// Pool is what reports are about. Its functions are called from the reports' own goroutine.
type Pool[G lineage.Generation] struct {
	Engine      *refresh.Engine
	Current     func() G                  // the generation in use
	TakeNews    func() []rekey.Event      // hand-overs that have begun or ended and were not taken before
	TakeDrained func() []lineage.Drain[G] // generations that have drained and were not taken before
	Held        string                    // what keeps connections from coming home: "in use"
}

// Reports is the worker that tells. A kick makes it look for what there is to be taken. It is safe for concurrent use.
type Reports[G lineage.Generation] struct {
	*worker.Worker
	pool Pool[G]

	mu       sync.Mutex    // guards the fields below
	revoked  []revoked[G]  // a generation at most once
	ask      bool          // the source for another login
	warnings []rekey.Event // in their order
}

// revoked is a role that has lost everything.
type revoked[G lineage.Generation] struct {
	generation G
	err        *rekey.VerifyError
}

// New makes reports that tell nothing before their first kick.
func New[G lineage.Generation](pool Pool[G]) *Reports[G] {
	r := &Reports[G]{pool: pool}
	r.Worker = worker.New(r.deliver)
	return r
}

// Revoked reports a generation whose role has lost everything.
func (r *Reports[G]) Revoked(g G, err *rekey.VerifyError) {
	r.note(func() { r.revoked = append(r.revoked, revoked[G]{g, err}) })
}

// Ask reports that another login is wanted: the role may not log in any more.
func (r *Reports[G]) Ask() { r.note(func() { r.ask = true }) }

// Warn reports what somebody had better know.
func (r *Reports[G]) Warn(w rekey.WarningEvent) {
	r.note(func() { r.warnings = append(r.warnings, w) })
}

// InUse warns of connections that do not come home.
func (r *Reports[G]) InUse(d lineage.Drain[G]) {
	r.Warn(rekey.WarningEvent{
		Field: "DrainTimeout",
		Message: fmt.Sprintf("does not end the hand-over: %d connections of generation %d are still %s, %v after another login took its place; "+
			"they stop working when its issuer ends it", d.Conns, d.Generation.Self().ID(), r.pool.Held, lineage.WarnAfter),
	})
}

func (r *Reports[G]) note(what func()) {
	r.mu.Lock()
	what()
	r.mu.Unlock()
	r.Kick()
}

// deliver tells what there is to tell.
func (r *Reports[G]) deliver() {
	r.mu.Lock()
	gone, ask, warnings := r.revoked, r.ask, r.warnings
	r.revoked, r.ask, r.warnings = nil, false, nil
	r.mu.Unlock()
	if ask {
		r.pool.Engine.Ask()
	}
	for _, w := range warnings {
		r.pool.Engine.Tell(w)
	}
	for _, one := range gone {
		if one.generation == r.pool.Current() {
			r.pool.Engine.Revoked(one.generation.Self().Snapshot.Load(), one.err)
		}
	}
	r.tellHandOvers()
	for _, d := range r.pool.TakeDrained() {
		d.Tell(r.pool.Engine)
	}
	r.tellHandOvers()
}

// tellHandOvers is called before generations are told to be drained, and after: a hand-over ends with the last of them.
func (r *Reports[G]) tellHandOvers() {
	for _, e := range r.pool.TakeNews() {
		r.pool.Engine.Tell(e)
	}
}

package sqladapter

import (
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
)

// target is what the engine drives the adapter with; see refresh.Target.
type target struct{ *adapter }

// Publish makes g the login of every session made from now on, and begins the hand-over.
func (a target) Publish(g *refresh.Generation) {
	v := a.takeVerified() // Verify has just left it
	next := v.generation
	next.Snapshot.Store(g)
	a.mu.Lock()
	a.cur = next
	a.mu.Unlock()
	a.sessions.publish(next, !a.config.ReplaceSameLogin, time.Now())
	if v.session != nil {
		a.handover.putSpare(v.session)
	}
	a.kick()
}

// Extend takes over the times of a renewed lease; the login is the same, and works.
func (a target) Extend(g *refresh.Generation) {
	current := a.current()
	current.Snapshot.Store(g)
	current.Ended.Store(false)
	current.Dead.Store(false)
	a.sessions.look()
	a.kick()
}

// Expire ends everything that was made with g.
func (a target) Expire(*refresh.Generation) {
	a.current().Ended.Store(true)
	a.sessions.look()
	a.kick()
}

// Distrust keeps callers from connections whose role has lost everything. A refused password harms no open
// session.
func (a target) Distrust(_ *refresh.Generation, revoked bool) {
	if !revoked {
		return
	}
	a.current().Dead.Store(true)
	a.sessions.look()
	a.kick()
}

// kick makes the workers look at what has changed with the login in use, or with an earlier one.
func (a *adapter) kick() {
	a.handover.Kick()
	a.ends.Kick()
	a.reports.Kick()
}

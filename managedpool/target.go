package managedpool

import (
	"fmt"
	"slices"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/trust/pgtrust"
)

// The methods of this file, and Verify, are what the engine drives the pool with; see refresh.Target. They are
// exported for it alone, through a type that callers of the package do not see.
type target struct{ *Pool }

// Publish makes g the login of every session made from now on, and begins the hand-over.
func (p target) Publish(g *refresh.Generation) {
	next, first := p.adopted(g)
	if before := p.current(); before.disabled.Load() {
		before.Late.Store(true)
	}
	next.Snapshot.Store(g)
	takeOver := !p.options.ReplaceSameLogin
	moved := p.swap(next)
	p.sessions.publish(next, takeOver, time.Now())
	if moved {
		p.router.line.callOut()
		p.warnWeak(next.backing.config)
	}
	if first != nil {
		p.handover.putSpare(first)
	}
	p.warnLifetime(g)
	p.kick()
}

// swap puts next, and its pgxpool, in the place of the generation in use, and reports whether that is another pgxpool.
func (p target) swap(next *generation) (moved bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := next.backing
	moved = b != p.cur.backing
	if moved {
		p.backings = append(slices.Clip(p.backings), b)
		close(b.published)
	}
	p.cur = next
	return moved
}

// adopted returns the generation for g, with the session on which it was verified, if that is still there.
func (p target) adopted(g *refresh.Generation) (*generation, *standby.Session) {
	if v := p.takeVerified(); v != nil && v.generation.credential.Version == g.Credential.Version {
		v.generation.credential = g.Credential
		return v.generation, v.session
	} else if v != nil {
		v.discard()
	}
	e, _ := endpointOf(g.Credential, &p.config.ConnConfig.Config, p.endpoints) // Verify has allowed it
	return newGeneration(p.current().backing, g.Credential, e), nil
}

// Extend takes over the times of a renewed lease; the login is the same, and works.
func (p target) Extend(g *refresh.Generation) {
	current := p.current()
	current.Snapshot.Store(g)
	current.Ended.Store(false)
	current.Dead.Store(false)
	p.sessions.look()
	p.kick()
}

// Expire ends everything that was made with g.
func (p target) Expire(*refresh.Generation) {
	p.current().Ended.Store(true)
	p.sessions.look()
	p.kick()
}

// Distrust keeps callers from connections whose role has lost everything. A refused password harms no open
// session.
func (p target) Distrust(_ *refresh.Generation, revoked bool) {
	if !revoked {
		return
	}
	p.current().Dead.Store(true)
	p.sessions.look()
	p.kick()
}

// kick makes the workers look at what has changed with the login in use, or with an earlier one.
func (p target) kick() {
	p.handover.Kick()
	p.ends.Kick()
	p.reports.Kick()
}

// warnLifetime says once that connections are configured to live longer than their credentials.
func (p target) warnLifetime(g *refresh.Generation) {
	life := leasetimer.Life(g.Credential)
	lifetime := p.current().backing.config.MaxConnLifetime
	if life == 0 || lifetime < life || p.warnedLifetime.Swap(true) {
		return
	}
	p.tell(rekey.WarningEvent{
		Field: "MaxConnLifetime",
		Message: fmt.Sprintf("is %v, and the credential lives %v: connections are replaced before it ends; "+
			"an interval between rotations should exceed the lifetime of a connection plus the time that a new "+
			"credential takes to arrive, or every rotation replaces every connection", lifetime, life),
	})
}

// warnWeak says once that the server is not asked to prove who it is.
func (p *Pool) warnWeak(config *Config) {
	if !pgtrust.Warns(&config.ConnConfig.Config) || p.warnedWeak.Swap(true) {
		return
	}
	p.tell(rekey.WarningEvent{Field: pgtrust.WarningField, Message: pgtrust.Warning})
}

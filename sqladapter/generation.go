package sqladapter

import (
	"database/sql/driver"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// generation is a credential, and what makes connections with it.
type generation struct {
	credential source.Credential
	connector  driver.Connector
	notes      probe.Notes // what the probe remembers of the login

	snapshot atomic.Pointer[refresh.Generation] // the engine's; nil until adopted

	dead  atomic.Bool // its role has lost everything: its connections are of no use
	ended atomic.Bool // its not-after has passed: nothing may use it any more
	late  atomic.Bool // its hand-over has taken too long: pace gives way

	warned bool // that it takes very long; belongs to ends

	// The rest is guarded by the registry's lock.

	conns      int         // sessions made, or being made, with it
	superseded time.Time   // when the next generation was adopted; zero: it is the one in use
	cancelled  int         // connections closed under their users
	drained    bool        // not waited for
	told       bool        // that it has drained, to the engine
	empty      bool        // superseded, and had no connection to drain
	heir       *generation // same login, newer password: sessions being made will belong to it
}

// id is the engine's number of the generation, zero before it is adopted.
func (g *generation) id() uint64 {
	if s := g.snapshot.Load(); s != nil {
		return s.ID
	}
	return 0
}

// notAfter is when its last connection must be closed; zero: never.
func (g *generation) notAfter() time.Time {
	if s := g.snapshot.Load(); s != nil {
		return s.NotAfter
	}
	return time.Time{}
}

// useless reports whether its connections are of no use to callers.
func (g *generation) useless() bool { return g.dead.Load() || g.ended.Load() }

// leaves reports whether its connections go at once, the idle ones now and the others as they come home, instead
// of one at a time.
func (g *generation) leaves() bool { return g.useless() || g.late.Load() }

// sameLogin reports whether sessions of g are as good as sessions of next: only the password differs.
func (g *generation) sameLogin(next *generation) bool {
	a, b := g.credential, next.credential
	return a.Username == b.Username && a.Host == b.Host && a.Port == b.Port && a.Database == b.Database
}

// deadline is when connections that are still in use are closed: at the credential's own end, or earlier
// where a drain has a time limit. Zero: never. It is read under the registry's lock.
func (g *generation) deadline(drainTimeout time.Duration) time.Time {
	deadline := g.notAfter()
	if drainTimeout == 0 || g.superseded.IsZero() {
		return deadline
	}
	limit := g.superseded.Add(drainTimeout)
	if deadline.IsZero() || limit.Before(deadline) {
		return limit
	}
	return deadline
}

// Package lineage keeps the order of a pool's generations: which is in use, and which are not yet rid of their connections.
package lineage

import (
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/internal/refresh"
)

// Life is what a pool knows of the life of one generation, whatever its connections are made of. The zero Life is that of
// a generation that was not adopted.
type Life struct {
	Snapshot atomic.Pointer[refresh.Generation] // the engine's; nil until adopted

	Dead  atomic.Bool // its role has lost everything: its connections are of no use
	Ended atomic.Bool // its not-after has passed: nothing may use it any more
	Late  atomic.Bool // its hand-over has taken too long: pace gives way

	warned bool // that it takes very long; belongs to whoever calls LookAtAge

	// The rest is guarded by the lock of the Book's owner.

	conns      int       // sessions made, or being made, with it
	Superseded time.Time // when the next generation was adopted; zero: it is the one in use
	cancelled  int       // connections closed under their users
	drained    bool      // not waited for
	told       bool      // that it has drained
	empty      bool      // superseded, and had no connection to drain
}

// Self is the Life itself: it is found in whatever embeds it.
func (l *Life) Self() *Life { return l }

// ID is the engine's number of the generation, zero before it is adopted.
func (l *Life) ID() uint64 {
	if s := l.Snapshot.Load(); s != nil {
		return s.ID
	}
	return 0
}

// NotAfter is when its last connection must be closed; zero: never.
func (l *Life) NotAfter() time.Time {
	if s := l.Snapshot.Load(); s != nil {
		return s.NotAfter
	}
	return time.Time{}
}

// Useless reports whether its connections are of no use to callers.
func (l *Life) Useless() bool { return l.Dead.Load() || l.Ended.Load() }

// Leaves reports whether its connections go at once, the idle ones now and the others as they come home, instead
// of one at a time.
func (l *Life) Leaves() bool { return l.Useless() || l.Late.Load() }

// Conns returns how many sessions there are. The lock is the owner's.
func (l *Life) Conns() int { return l.conns }

// End notes that a session is gone.
func (l *Life) End() { l.conns-- }

// Cancel notes that a connection is closed under its user. That is to be told, however late.
func (l *Life) Cancel() { l.cancelled++ }

// Inherit takes over the sessions of an earlier generation with the same login.
func (l *Life) Inherit(from *Life) {
	l.conns += from.conns
	from.conns, from.empty = 0, true
}

// Deadline is when connections that are still in use are closed: at the credential's own end, or earlier
// where a drain has a time limit. Zero: never.
func (l *Life) Deadline(drainTimeout time.Duration) time.Time {
	return deadline(l.NotAfter(), l.Superseded, drainTimeout)
}

func deadline(notAfter, superseded time.Time, drainTimeout time.Duration) time.Time {
	if drainTimeout == 0 || superseded.IsZero() {
		return notAfter
	}
	return leasetimer.Earlier(notAfter, superseded.Add(drainTimeout))
}

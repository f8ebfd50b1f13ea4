package lineage

import (
	"time"

	"github.com/rekeyhq/rekey/internal/handedover"
	"github.com/rekeyhq/rekey/internal/refresh"
)

// Generation is a pool's own type of a generation, a pointer to a struct that embeds a Life.
type Generation interface {
	comparable
	Self() *Life
}

// Book lists the generations that have, or may have, sessions. The zero Book is empty. Its owner's lock guards it, and what
// it keeps in each Life.
type Book[G Generation] struct {
	Current G
	Old     []G // superseded and not yet drained, oldest first
	Log     handedover.Log
}

// Drain is one superseded generation at one moment.
type Drain[G Generation] struct {
	Generation G
	Conns      int
	Cancelled  int
	Superseded time.Time
	Empty      bool // it had no connection to drain
}

func drainOf[G Generation](g G) Drain[G] {
	l := g.Self()
	return Drain[G]{g, l.conns, l.cancelled, l.Superseded, l.empty && l.cancelled == 0}
}

// Tell says to the engine that the generation has drained, if it knows it.
func (d Drain[G]) Tell(engine *refresh.Engine) {
	switch g := d.Generation.Self().Snapshot.Load(); {
	case g == nil: // of the time before the first credential
	case d.Empty:
		engine.Emptied(g)
	default:
		engine.Drained(g, d.Cancelled, time.Since(d.Superseded))
	}
}

// Begin counts a session that is about to be made with g. A generation that was told to be gone while its login was about to
// begin is waited for once more.
func (b *Book[G]) Begin(g G) {
	l := g.Self()
	if l.drained {
		l.drained = false
		b.Old = append([]G{g}, b.Old...)
	}
	l.conns++
	l.empty = false
}

// Supersede makes next the generation in use. Who inherits sessions says so before Announce.
func (b *Book[G]) Supersede(next G, now time.Time) {
	var none G
	if b.Current != none {
		b.Current.Self().Superseded = now
		b.Old = append(b.Old, b.Current)
	}
	b.Current = next
}

// Announce notes the hand-over to the generation in use, if there is one to be made. Sessions of the time before the first
// credential do not count.
func (b *Book[G]) Announce(version string, now time.Time) {
	left := 0
	for _, g := range b.Old {
		l := g.Self()
		l.empty = l.empty || l.conns == 0 && l.Superseded.Equal(now)
		if l.Snapshot.Load() != nil {
			left += l.conns
		}
	}
	b.Log.Publish(b.Current.Self().ID(), version, left, now)
}

// TakeDrained returns the superseded generations that have no session left and were not returned before.
func (b *Book[G]) TakeDrained(now time.Time) (drained []Drain[G]) {
	rest := b.Old[:0:0]
	for _, g := range b.Old {
		l := g.Self()
		if l.conns > 0 {
			rest = append(rest, g)
			continue
		}
		if !l.told {
			drained = append(drained, drainOf(g))
		}
		l.drained, l.told = true, true
	}
	b.Old = rest
	if len(rest) == 0 {
		b.Log.Drained(now)
	}
	return drained
}

// Draining describes the superseded generations that still have sessions, oldest first.
func (b *Book[G]) Draining() (draining []Drain[G]) {
	for _, g := range b.Old {
		if g.Self().conns > 0 {
			draining = append(draining, drainOf(g))
		}
	}
	return draining
}

// WithSessions returns every adopted generation that has sessions, oldest first.
func (b *Book[G]) WithSessions() (with []G) {
	for _, g := range append(b.Old[:len(b.Old):len(b.Old)], b.Current) {
		var none G
		if g != none && g.Self().conns > 0 {
			with = append(with, g)
		}
	}
	return with
}

// Unusual reports whether connections must be looked at as they come and go: there are superseded ones, or the login in
// use is of no use.
func (b *Book[G]) Unusual() bool {
	var none G
	if b.Current != none && b.Current.Self().Useless() {
		return true
	}
	for _, g := range b.Old {
		if g.Self().conns > 0 {
			return true
		}
	}
	return false
}

// Connections counts the sessions of the generation in use, if that is the one with this number: a snapshot of the engine
// may be a step ahead, or behind.
func (b *Book[G]) Connections(id uint64) int {
	var none G
	if b.Current == none || b.Current.Self().ID() != id {
		return 0
	}
	return b.Current.Self().conns
}

package managedpool

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// line is the order of callers in Replace mode: whoever may have to wait for a connection has a place in it, by the ticket
// that he drew when he came, until he has one. He waits there, and not in the queue of a pgxpool, for a connection to be
// offered, which happens when one is released; a while after an offer the first of those who wait looks for himself, because
// not all that becomes free is released: places are, and connections that were made in vain.
//
// Whoever was offered a connection, or has found one, makes an attempt at the pgxpool that has it. He keeps his place
// meanwhile, and is back in it when that comes to nothing.
type line struct {
	tickets atomic.Uint64
	waiting atomic.Int32 // places without an offer or an attempt; changed under mu

	mu     sync.Mutex  // guards what follows, and what is in the places
	places []*place    // by ticket
	nudge  *time.Timer // makes the first look a while after an offer; nil before the first one
	armed  bool        // nudge is set
	due    bool        // somebody is to look, and nobody has begun to
}

// place is one caller's.
type place struct {
	ticket uint64
	wake   chan struct{} // he was offered a connection, or should look

	offer   *backing // that has a connection for him; he is counted there
	attempt *attempt // that he makes

	waited bool // he found no connection idle; it belongs to himself
}

func (w *place) waits() bool { return w.offer == nil && w.attempt == nil }

// ticket says how many callers have come so far.
func (l *line) ticket() uint64 { return l.tickets.Add(1) }

// join returns a place that is to be left.
func (l *line) join(ticket uint64) *place {
	w := &place{ticket: ticket, wake: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.find(ticket)
	l.places = slices.Insert(l.places, at, w)
	l.waiting.Add(1)
	return w
}

// leave gives a place up. What was offered there meanwhile is returned.
func (l *line) leave(w *place) (unused *backing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.find(w.ticket)
	l.places = slices.Delete(l.places, at, at+1)
	if w.waits() {
		l.waiting.Add(-1)
		l.wakeFirst()
	}
	return w.offer
}

// offer tells the first of those who wait that b has a connection for him, and reports whether there is one. Whoever is the
// first then is left in peace, if nobody is due to look: the next connection to come home will be offered to him, or he looks
// after a while.
func (l *line) offer(b *backing, while time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.first()
	if w == nil {
		return false
	}
	b.pending.Add(1)
	w.offer = b
	w.signal()
	switch {
	case l.waiting.Add(-1) == 0:
	case l.due: // w was to look, and does not any more
		l.wakeFirst()
	default:
		l.lookAfter(while)
	}
	return true
}

// accept makes a the attempt for what w was offered; nil if that was withdrawn.
func (l *line) accept(w *place, a *attempt) *backing {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := w.offer
	if b != nil {
		w.offer, w.attempt = nil, a
		a.backing = b
		a.pending.Store(true)
	}
	return b
}

// try lets the next one look while w makes an attempt of its own. It reports false if w was offered something meanwhile.
func (l *line) try(w *place, a *attempt) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.offer != nil {
		return false
	}
	a.backing.taken.Add(1)
	a.backing.pending.Add(1)
	a.pending.Store(true)
	w.attempt = a
	l.waiting.Add(-1)
	l.wakeFirst()
	return true
}

// back puts w, whose attempt is over, back to where he was.
func (l *line) back(w *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.attempt != nil {
		w.attempt = nil
		l.waiting.Add(1)
		l.wakeFirst()
	}
}

// callOut calls everyone out of the pgxpools: what they wait for is elsewhere now. Offers are withdrawn.
func (l *line) callOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.places {
		switch {
		case w.offer != nil:
			w.offer.taken.Add(-1)
			w.offer.pending.Add(-1)
			w.offer = nil
		case w.attempt != nil && w.attempt.callOut():
			w.attempt = nil
		default:
			continue
		}
		l.waiting.Add(1)
	}
	l.wakeFirst()
}

// offered reports whether w was offered something.
func (l *line) offered(w *place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return w.offer != nil
}

// await waits until w was offered something, or is the first of those who wait, which it reports, or until all is over.
func (l *line) await(ctx context.Context, w *place, over *atomic.Bool) (first bool, err error) {
	for {
		l.mu.Lock()
		offered, first := w.offer != nil, l.first() == w
		if first {
			l.due = false
		}
		l.mu.Unlock()
		if offered || first || over.Load() {
			return !offered, nil
		}
		w.waited = true
		select {
		case <-w.wake:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// lookAfter makes the first of those who wait look after a while, counted from the first call. It is called under the lock.
func (l *line) lookAfter(while time.Duration) {
	switch {
	case l.armed:
		return
	case l.nudge == nil:
		l.nudge = time.AfterFunc(while, l.nudged) // ends by itself: it is not set again while nobody waits
	default:
		l.nudge.Reset(while)
	}
	l.armed = true
}

// nudged is look when the nudge's time has come.
func (l *line) nudged() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.wakeFirst()
}

// look makes the first of those who wait look.
func (l *line) look() {
	if l.waiting.Load() > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wakeFirst()
	}
}

// wakeAll makes everybody look.
func (l *line) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.places {
		w.signal()
	}
}

func (w *place) signal() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// The rest is called under the lock.

// find returns where the place with a ticket is, or belongs: at the end, mostly.
func (l *line) find(ticket uint64) (at int, found bool) {
	return slices.BinarySearchFunc(l.places, ticket, func(w *place, ticket uint64) int {
		return cmp.Compare(w.ticket, ticket)
	})
}

// first returns the first of those who wait, nil if nobody does.
func (l *line) first() *place {
	if l.waiting.Load() == 0 {
		return nil
	}
	for _, w := range l.places {
		if w.waits() {
			return w
		}
	}
	return nil
}

func (l *line) wakeFirst() {
	if w := l.first(); w != nil {
		l.due = true
		w.signal()
	}
}

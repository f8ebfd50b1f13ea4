package managedpool

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// line is the order of callers in Replace mode. A caller who may have to wait has a place in it, by the ticket that he
// drew when he came, until he has a connection: also while he waits in the queue of a pgxpool, so that he can be called
// out of it, and back to where he was, when another pgxpool takes its place.
type line struct {
	tickets atomic.Uint64
	queued  atomic.Int32 // places that wait for their turn; changed under mu

	mu     sync.Mutex // guards places, and the attempts in them
	places []*place   // by ticket
}

// place is one caller's.
type place struct {
	ticket  uint64
	turn    chan struct{} // he may have become the first
	attempt *attempt      // not nil: he waits in the queue of a pgxpool
}

// ticket says how many callers have come so far.
func (l *line) ticket() uint64 { return l.tickets.Add(1) }

// join returns a place that is to be left.
func (l *line) join(ticket uint64) *place {
	w := &place{ticket: ticket, turn: make(chan struct{}, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.find(ticket)
	l.places = slices.Insert(l.places, at, w)
	l.queued.Add(1)
	return w
}

func (l *line) leave(w *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, _ := l.find(w.ticket)
	l.places = slices.Delete(l.places, at, at+1)
	if w.attempt == nil {
		l.queued.Add(-1)
	}
	l.tellFirst()
}

// park lets the next one have his turn while w makes an attempt.
func (l *line) park(w *place, a *attempt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.attempt == nil {
		l.queued.Add(-1)
	}
	w.attempt = a
	l.tellFirst()
}

// unpark puts w back to where he was.
func (l *line) unpark(w *place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.attempt != nil {
		w.attempt = nil
		l.queued.Add(1)
		l.tellFirst()
	}
}

// callOut calls everyone out of the queues of pgxpools.
func (l *line) callOut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.places {
		if w.attempt != nil && w.attempt.callOut() {
			w.attempt = nil
			l.queued.Add(1)
		}
	}
	l.tellFirst()
}

// awaitTurn waits until w is the first of those who wait for their turn.
func (l *line) awaitTurn(ctx context.Context, w *place) error {
	for !l.isFirst(w) {
		select {
		case <-w.turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *line) isFirst(w *place) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first() == w
}

// The rest is called under the lock.

// find returns where the place with a ticket is, or belongs: at the end, mostly.
func (l *line) find(ticket uint64) (at int, found bool) {
	return slices.BinarySearchFunc(l.places, ticket, func(w *place, ticket uint64) int {
		return int(int64(w.ticket - ticket))
	})
}

// first returns the first of those who wait for their turn, nil if nobody does.
func (l *line) first() *place {
	if l.queued.Load() == 0 {
		return nil
	}
	for _, w := range l.places {
		if w.attempt == nil {
			return w
		}
	}
	return nil
}

func (l *line) tellFirst() {
	if w := l.first(); w != nil {
		select {
		case w.turn <- struct{}{}:
		default:
		}
	}
}

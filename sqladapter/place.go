package sqladapter

import (
	"context"
	"sync/atomic"
)

// place is a session's share in the budget.
type place int

const (
	noPlace   place = iota
	poolPlace       // one of MaxOpenConns
	headPlace       // one of Headroom
)

// places are the sessions that there may be. A place is given back when its session is gone from the server, which is
// a moment after database/sql counts it as closed.
type places struct {
	pool chan struct{}
	head chan struct{} // nil: without headroom, what is beyond the pool takes a place of the pool's

	claims atomic.Int32 // of those who wait for a place without headroom: callers wait meanwhile
}

func newPlaces(size, headroom int) *places {
	p := &places{pool: make(chan struct{}, size)}
	if headroom > 0 {
		p.head = make(chan struct{}, headroom)
	}
	return p
}

// shared reports whether there is no headroom.
func (p *places) shared() bool { return p.head == nil }

// tryPool takes one of the pool's places, if one is free.
func (p *places) tryPool() bool { return p.claims.Load() == 0 && try(p.pool) }

// claim keeps callers from the places that become free, until the claim is given up.
func (p *places) claim() (giveUp func()) {
	p.claims.Add(1)
	return func() { p.claims.Add(-1) }
}

// tryExtra takes a place for a session beyond the pool's, if one is free.
func (p *places) tryExtra() (place, bool) {
	if p.shared() {
		return poolPlace, try(p.pool)
	}
	return headPlace, try(p.head)
}

// extra waits for a place for a session beyond the pool's.
func (p *places) extra(ctx context.Context) (place, error) {
	kind, places := headPlace, p.head
	if p.shared() {
		kind, places = poolPlace, p.pool
	}
	select {
	case places <- struct{}{}:
		return kind, nil
	case <-ctx.Done():
		return noPlace, ctx.Err()
	}
}

func (p *places) release(kind place) {
	switch kind {
	case poolPlace:
		<-p.pool
	case headPlace:
		<-p.head
	}
}

func try(places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// Package gate lets one check run at a time, and not more than one in an interval.
package gate

import (
	"context"
	"sync"
	"time"
)

// Gate admits callers to a check whose verdict is good for all of them. It is safe for concurrent use.
type Gate struct {
	interval time.Duration

	mu      sync.Mutex    // guards the fields below
	last    time.Time     // when the last check began
	running chan struct{} // closed when the check that is under way is over; nil: none is
}

// New makes a gate for checks that are at least interval apart.
func New(interval time.Duration) *Gate { return &Gate{interval: interval} }

// Begin reports whether the caller shall make a check, who then calls End. While somebody else makes one it waits for
// the end of that, or of ctx, and reports false.
func (g *Gate) Begin(ctx context.Context) bool {
	g.mu.Lock()
	running := g.running
	mine := running == nil && g.due()
	if mine {
		g.running = make(chan struct{})
	}
	g.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
		}
	}
	return mine
}

// due reports whether enough time has passed; if so, a check begins now. It is called under the lock.
func (g *Gate) due() bool {
	now := time.Now()
	if !g.last.IsZero() && now.Sub(g.last) < g.interval {
		return false
	}
	g.last = now
	return true
}

// End says that the check is over.
func (g *Gate) End() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.running)
	g.running = nil
}

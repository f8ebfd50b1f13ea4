package loadtest

import (
	"context"
	"sync"
	"testing"
	"time"
)

// Issuer is what a census asks: *testenv.Issuer, or *testenv.MariaIssuer.
type Issuer interface {
	AllSessions(ctx context.Context) (int, error)
}

// Census counts the pool's sessions every few milliseconds.
type Census struct {
	stop chan struct{}
	done sync.WaitGroup
	most int
}

// StartCensus begins to count the sessions in an issuer's database.
func StartCensus(t testing.TB, issuer Issuer) *Census {
	c := &Census{stop: make(chan struct{})}
	c.done.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-ticker.C:
			}
			n, err := issuer.AllSessions(context.Background())
			if err != nil {
				t.Errorf("counting sessions: %v", err)
				return
			}
			c.most = max(c.most, n)
		}
	})
	return c
}

// End returns the most sessions seen.
func (c *Census) End() int {
	close(c.stop)
	c.done.Wait()
	return c.most
}

// Package census watches how many sessions a pool has on its server.
package census

import (
	"context"
	"sync/atomic"
	"time"
)

// sampling is how often the server is asked for its sessions. That costs the machine a little; where pools are
// compared, take it in the turns of all.
const sampling = 5 * time.Millisecond

// Census counts sessions, again and again.
type Census struct {
	count func(context.Context) (int, error)
	now   atomic.Int64
	most  atomic.Int64
	quit  chan struct{}
	done  chan struct{}
	err   error // read after done
}

// Start begins to count. It ends with Stop only, and not with ctx.
func Start(ctx context.Context, count func(context.Context) (int, error)) *Census {
	c := &Census{count: count, quit: make(chan struct{}), done: make(chan struct{})}
	go c.run(context.WithoutCancel(ctx))
	return c
}

func (c *Census) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
		}
		n, err := c.count(ctx)
		if err != nil {
			c.err = err
			return
		}
		c.now.Store(int64(n))
		c.most.Store(max(c.most.Load(), int64(n)))
	}
}

// Now returns how many sessions there are.
func (c *Census) Now() int { return int(c.now.Load()) }

// Most returns the most sessions there ever were.
func (c *Census) Most() int { return int(c.most.Load()) }

// Stop ends the census, and says whether it could count all the time.
func (c *Census) Stop() error {
	close(c.quit)
	<-c.done
	return c.err
}

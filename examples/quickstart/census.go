package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// sampling is how often the server is asked for its sessions, on a connection of the superuser's.
const sampling = 5 * time.Millisecond

// census counts the sessions of a stage in pg_stat_activity. It costs the machine a little, and therefore runs
// in the turns of both pools.
type census struct {
	issuer *testenv.Issuer
	now    atomic.Int64
	most   atomic.Int64
	quit   chan struct{}
	done   chan struct{}
	err    error // read after done
}

func startCensus(ctx context.Context, issuer *testenv.Issuer) *census {
	c := &census{issuer: issuer, quit: make(chan struct{}), done: make(chan struct{})}
	go c.run(context.WithoutCancel(ctx))
	return c
}

func (c *census) run(ctx context.Context) {
	defer close(c.done)
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
		}
		n, err := c.issuer.AllSessions(ctx)
		if err != nil {
			c.err = err
			return
		}
		c.now.Store(int64(n))
		c.most.Store(max(c.most.Load(), int64(n)))
	}
}

// highest returns the most sessions there ever were.
func (c *census) highest() int { return int(c.most.Load()) }

// stop ends the census, and says whether it could count all the time.
func (c *census) stop() error {
	close(c.quit)
	<-c.done
	return c.err
}

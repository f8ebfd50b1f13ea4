package server

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// censusInterval is how often sessions are counted. Each count takes the server a fraction of a millisecond.
const censusInterval = 10 * time.Millisecond

// Census counts the sessions of a contender's roles, dropped ones included. The server lists a session once it has
// logged in, until its process has ended.
type Census struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	admin  *pgx.Conn
	began  time.Time

	counts []Count
	err    error
}

// Count is how many sessions there were.
type Count struct {
	At time.Duration // since the moment that Stop was told
	N  int
}

// StartCensus begins to count, on a connection of its own, until ctx ends or it is stopped.
func (r *Roles) StartCensus(ctx context.Context) (*Census, error) {
	admin, err := r.server.Admin(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Census{cancel: cancel, admin: admin, began: time.Now()}
	c.done.Go(func() { c.run(ctx, r) })
	return c, nil
}

func (c *Census) run(ctx context.Context, r *Roles) {
	ticker := time.NewTicker(censusInterval)
	defer ticker.Stop()
	for {
		var n int
		err := c.admin.QueryRow(ctx, "select count(*) from pg_stat_get_activity(null) where usesysid = any($1::oid[])", r.made()).Scan(&n)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			c.err = err
			return
		}
		c.counts = append(c.counts, Count{At: time.Since(c.began), N: n})
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Stop ends the census and returns what was counted from a moment on.
func (c *Census) Stop(from time.Time) (counts []Count, err error) {
	c.cancel()
	c.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	c.admin.Close(ctx)
	shift := from.Sub(c.began)
	for _, count := range c.counts {
		if count.At >= shift {
			counts = append(counts, Count{At: count.At - shift, N: count.N})
		}
	}
	return counts, c.err
}

// Most is the highest count.
func Most(counts []Count) int {
	most := 0
	for _, c := range counts {
		most = max(most, c.N)
	}
	return most
}

package managedpool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// grown is what has been counted since before.
func grown(pool *managedpool.Pool, before rekey.PoolStats) rekey.PoolStats {
	s := pool.PoolStats()
	s.Acquires -= before.Acquires
	s.AcquireTime -= before.AcquireTime
	s.Waited -= before.Waited
	s.WaitTime -= before.WaitTime
	s.Canceled -= before.Canceled
	s.TimedOut -= before.TimedOut
	s.Created -= before.Created
	return s
}

// TestWaitsAreCounted: callers of a pool whose only connection is held wait, run out of time and give up.
func TestWaitsAreCounted(t *testing.T) {
	s := newSite(t, nil)
	pool := s.managed(t, newFeed(s.issue(t)), nil, func(c *pgxpool.Config) { c.MaxConns = 1 })
	settled(t, pool)
	held := acquireNow(t, pool)
	before := pool.PoolStats()
	for range 3 {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		if _, err := pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("acquired a connection that is held: %v", err)
		}
		cancel()
	}
	ctx, hangUp := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, hangUp)
	if _, err := pool.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("acquired a connection that is held: %v", err)
	}

	time.AfterFunc(300*time.Millisecond, held.Release)
	began := time.Now()
	acquireNow(t, pool).Release()
	took := time.Since(began)
	got := grown(pool, before)
	if got.Acquires != 1 || got.Waited != 1 || got.Canceled != 4 || got.TimedOut != 3 || got.Created != 0 {
		t.Errorf("counted %+v", got)
	}
	if got.WaitTime > took || got.WaitTime < took/10 || got.AcquireTime < got.WaitTime || got.AcquireTime > took {
		t.Errorf("waited %v of %v for connections, when it took %v", got.WaitTime, got.AcquireTime, took)
	}
}

func acquireNow(t *testing.T, pool *managedpool.Pool) *managedpool.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestErrandsAreNotCounted: what the pool itself acquires in a hand-over is no caller's, and a connection is counted once.
func TestErrandsAreNotCounted(t *testing.T) {
	const conns, rotations = 3, 2
	s := newSite(t, nil)
	src := newFeed(s.issue(t))
	pool := s.managed(t, src, nil, func(c *pgxpool.Config) { c.MaxConns = conns })
	settled(t, pool)
	if got := pool.PoolStats(); got.Acquires != 0 || got.Waited != 0 || got.Created != 1 {
		t.Errorf("a new pool counts %+v", got)
	}
	borrow(t, pool, conns)
	if got := pool.PoolStats(); got.Acquires != conns || got.Waited != conns-1 || got.Created != conns {
		t.Errorf("%d acquires of a pool with one connection count %+v", conns, got)
	}
	before := pool.PoolStats()
	for range rotations {
		next := s.issue(t)
		src.set(next)
		uses(t, pool, next)
		envtest.Eventually(t, patience, func() bool { return pool.PoolStats().Idle == conns }, "all is idle")
	}
	got := grown(pool, before)
	if got.Acquires != 0 || got.Waited != 0 || got.WaitTime != 0 || got.Canceled != 0 || got.TimedOut != 0 {
		t.Errorf("%d rotations without a caller count %+v", rotations, got)
	}
	if got.Created != conns*rotations {
		t.Errorf("created %d connections, want %d", got.Created, conns*rotations)
	}
}

// borrow acquires n connections, and releases them.
func borrow(t *testing.T, pool *managedpool.Pool, n int) {
	t.Helper()
	held := make([]*managedpool.Conn, n)
	for i := range held {
		held[i] = acquireNow(t, pool)
	}
	for _, c := range held {
		c.Release()
	}
}

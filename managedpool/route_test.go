package managedpool_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/probe"
)

// Callers on their way to a connection, where that is not the straight one.

// farAway is a connection to a server whose answers take a while.
type farAway struct {
	net.Conn
	delay *atomic.Int64
}

func (c farAway) Write(b []byte) (int, error) {
	<-time.After(time.Duration(c.delay.Load()))
	return c.Conn.Write(b)
}

// TestSlowPings: every connection is pinged before it is given, which takes longer than the first in line may keep the
// others waiting.
func TestSlowPings(t *testing.T) {
	var delay atomic.Int64
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 5
		config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		dial := config.ConnConfig.DialFunc
		config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			return farAway{conn, &delay}, err
		}
	})
	held := holdAll(t, c.Pool, 5)
	releaseAll(held[1:])
	delay.Store(int64(10 * time.Millisecond))
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var served atomic.Int64
	for range 4 {
		callers.Go(func() {
			for ctx.Err() == nil {
				limited, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				conn, err := c.Acquire(limited)
				cancel()
				if err != nil {
					t.Error(err)
					continue
				}
				conn.Release()
				served.Add(1)
			}
		})
	}
	for range 2 {
		next, err := c.issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.feed.set(next)
		envtest.Eventually(t, patience, func() bool { return c.Status().Username == next.User }, "adopted")
		before := served.Load()
		envtest.Eventually(t, patience, func() bool { return served.Load() > before+50 }, "callers are served")
	}
	held[0].Release()
	cancel()
	callers.Wait()
	delay.Store(0)
}

// TestHooksThatUseAnotherPool: what a hook asks of another pool is asked by a caller, also where the pool of the hook makes
// the connection for itself.
func TestHooksThatUseAnotherPool(t *testing.T) {
	var asked, prepared atomic.Int64
	other := newCounted(t, nil, func(config *managedpool.Config) {
		config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
			prepared.Add(1)
			return true, nil
		}
	})
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 4
		config.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error {
			asked.Add(1)
			return other.Ping(ctx)
		}
	})
	releaseAll(holdAll(t, c.Pool, 4))
	for range 2 {
		next, err := c.issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.feed.set(next)
		uses(t, c.Pool, next)
	}
	if asked.Load() != prepared.Load() {
		t.Errorf("asked %d times, prepared %d times", asked.Load(), prepared.Load())
	}
}

// TestLongLine: nobody of sixty callers who wait for one connection is overtaken by more than those beside him.
func TestLongLine(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 1 })
	held := holdAll(t, c.Pool, 1)
	var mu sync.Mutex
	var served []int
	var callers sync.WaitGroup
	for n := range 60 {
		callers.Go(func() {
			conn, err := c.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			served = append(served, n)
			mu.Unlock()
			<-time.After(10 * time.Millisecond) // a query: an offer that comes to nothing costs 5 ms
			conn.Release()
		})
		<-time.After(2 * time.Millisecond) // he is in line
		if n == 30 {
			next, err := c.issuer.Issue(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c.feed.set(next)
			envtest.Eventually(t, patience, func() bool { return c.Status().Username == next.User }, "adopted")
		}
	}
	releaseAll(held)
	callers.Wait()
	for at, n := range served {
		if at-n > 3 {
			t.Errorf("caller %d was overtaken by %d: %v", n, at-n, served)
		}
	}
}

// TestPrepareConnsContext: it is the caller's own, and does not end with the acquire.
func TestPrepareConnsContext(t *testing.T) {
	var seen atomic.Pointer[context.Context]
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 1
		config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
			seen.Store(&ctx)
			return true, nil
		}
	})
	held := holdAll(t, c.Pool, 1)
	time.AfterFunc(50*time.Millisecond, held[0].Release)
	conn, err := c.Acquire(t.Context()) // after a wait
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if err := (*seen.Load()).Err(); err != nil {
		t.Error(err)
	}
}

// TestVerifiedForNothing: a credential that ends while it is verified holds nobody up, whatever connections its pool was to
// have from the start.
func TestVerifiedForNothing(t *testing.T) {
	var slow atomic.Bool
	c := newCounted(t, &managedpool.Options{Probe: probe.Func(func(context.Context, probe.Target) error {
		if slow.Load() {
			<-time.After(1200 * time.Millisecond)
		}
		return nil
	})}, func(config *managedpool.Config) { config.MaxConns, config.MinConns = 4, 2 })
	slow.Store(true)
	late, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	short := credentialOf(late)
	short.IssuedAt, short.ExpiresAt = time.Now(), time.Now().Add(time.Second)
	c.feed.put(short, nil)
	if err := c.Refresh(t.Context()); err == nil {
		t.Error("adopted after its end")
	}
	slow.Store(false)
	good, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.feed.set(good)
	envtest.Eventually(t, patience, func() bool { return c.Status().Username == good.User }, "adopted")
}

// TestResetAgainAndAgain: connects that take longer than the time between two Resets are of use all the same.
func TestResetAgainAndAgain(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 1
		config.AfterConnect = func(context.Context, *pgx.Conn) error {
			<-time.After(30 * time.Millisecond)
			return nil
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var resets sync.WaitGroup
	resets.Go(func() {
		for ctx.Err() == nil {
			c.Reset()
			<-time.After(10 * time.Millisecond)
		}
	})
	for range 10 {
		if err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	resets.Wait()
}

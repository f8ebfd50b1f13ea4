package managedpool_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// counted is a pool behind a proxy that counts its sockets.
type counted struct {
	*managedpool.Pool
	issuer *testenv.Issuer
	proxy  *testenv.Proxy
	feed   *feed
}

func newCounted(t *testing.T, opts *managedpool.Options, change func(*managedpool.Config)) *counted {
	t.Helper()
	envtest.NoLeak(t)
	c := &counted{issuer: envtest.Issuer(t), proxy: envtest.Proxy(t)}
	login, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config, err := managedpool.ParseConfig(c.issuer.Database().DSNAt(c.proxy.Port(), "nobody", ""))
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	c.feed = newFeed(login)
	c.Pool, err = managedpool.NewWithConfig(t.Context(), config, c.feed, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, c.Pool) })
	return c
}

// hammer pings from n goroutines for a while. What is begun is finished: to cancel it takes a socket of its own.
func (c *counted) hammer(n int, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var callers sync.WaitGroup
	for range n {
		callers.Go(func() {
			for end := time.Now().Add(d); time.Now().Before(end); {
				c.Ping(ctx)
			}
		})
	}
	callers.Wait()
}

func (c *counted) within(t *testing.T, budget int) {
	t.Helper()
	if most := c.proxy.MaxOpen(); most > budget {
		t.Errorf("%d sockets, the budget is %d", most, budget)
	}
}

// TestResetKeepsBudget: Reset under load makes no session before the one whose place it takes is gone.
func TestResetKeepsBudget(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 5 })
	before := c.proxy.Total()
	made := func() int { return c.proxy.Total() - before }
	var resets sync.WaitGroup
	resets.Go(func() {
		for until := time.Now().Add(20 * time.Second); made() < 40 && time.Now().Before(until); {
			c.Reset()
			<-time.After(25 * time.Millisecond)
		}
	})
	over := make(chan struct{})
	go func() { defer close(over); resets.Wait() }()
	for hammering := true; hammering; {
		c.hammer(10, 100*time.Millisecond)
		select {
		case <-over:
			hammering = false
		default:
		}
	}
	c.within(t, 5+managedpool.DefaultHeadroom)
	if n := made(); n < 40 {
		t.Errorf("%d connections made by resets under load", n)
	}
}

// TestFailingAfterConnectKeepsBudget: nor does a connection whose AfterConnect fails.
func TestFailingAfterConnectKeepsBudget(t *testing.T) {
	var fail atomic.Bool
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 2
		config.AfterConnect = func(context.Context, *pgx.Conn) error {
			if fail.Load() {
				return errors.New("not today")
			}
			return nil
		}
	})
	fail.Store(true)
	c.Reset()
	c.hammer(8, time.Second)
	c.within(t, 2+managedpool.DefaultHeadroom)
}

// TestMinConnsAdoptTheVerifiedSession: nothing is logged in twice when the pool fills itself.
func TestMinConnsAdoptTheVerifiedSession(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns, config.MinConns = 4, 4 })
	envtest.Eventually(t, 5*time.Second, func() bool { return c.Stat().IdleConns() == 4 }, "four connections")
	if n := c.proxy.Total(); n != 4 {
		t.Errorf("%d logins for four connections", n)
	}
}

// TestHeldConnectionMakesNoMore: a hand-over that waits for one connection does not fill the pool meanwhile.
func TestHeldConnectionMakesNoMore(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 20 })
	held, err := c.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	next, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.feed.set(next)
	envtest.Eventually(t, 5*time.Second, func() bool { return c.Status().Username == next.User }, "adopted")
	before := c.proxy.Total()
	for range 5 { // each end of a session makes the hand-over look
		conn, err := c.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Conn().Close(t.Context())
		conn.Release()
		<-time.After(100 * time.Millisecond)
	}
	if made := c.proxy.Total() - before; made > 5+2 {
		t.Errorf("%d logins for five connections that were closed", made)
	}
}

package managedpool_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// asleep runs a statement that takes a minute, and returns once it has a connection; the channel gets its end.
func asleep(t *testing.T, pool *managedpool.Pool) <-chan time.Time {
	t.Helper()
	c, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan time.Time, 1)
	go func() {
		defer c.Release()
		if _, err := c.Exec(context.Background(), "select pg_sleep(60)"); err == nil {
			t.Error("the statement was not cancelled")
		}
		ended <- time.Now()
	}()
	return ended
}

// endsWithin waits for the end of a statement.
func endsWithin(t *testing.T, d time.Duration, ended <-chan time.Time) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(d):
		t.Fatalf("the statement runs on after %v", d)
	}
}

// TestCloseAtExpiry: Close waits for connections in use, and still closes them when their credential ends.
func TestCloseAtExpiry(t *testing.T) {
	r := newRig(t, "", nil)
	lease := leased(r.issue(t), 3*time.Second)
	r.feed.put(lease, nil)
	if err := r.pool.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 2*time.Second, func() bool { return len(r.pool.Status().Draining) == 0 }, "hand-over")
	sleeper := asleep(t, r.pool)
	r.pool.Close()
	at := <-sleeper
	if at.After(lease.ExpiresAt) {
		t.Errorf("a connection ended %v after its credential", at.Sub(lease.ExpiresAt))
	}
	if early := time.Until(lease.ExpiresAt); early > 2*time.Second {
		t.Errorf("it was closed %v before the credential's end: Close did not wait", early)
	}
}

// TestEndsWaitForNoHandler: what is due is closed while a handler of events has not returned.
func TestEndsWaitForNoHandler(t *testing.T) {
	release := make(chan struct{})
	r := newRig(t, "", func(o *managedpool.Options) {
		o.DrainTimeout = 300 * time.Millisecond
		write := o.OnEvent
		o.OnEvent = func(e rekey.Event) {
			write(e)
			if a, ok := e.(rekey.AdoptedEvent); ok && a.Generation == 2 {
				<-release
			}
		}
	})
	defer close(release)
	sleeper := asleep(t, r.pool)
	r.rotate(t)
	endsWithin(t, 10*time.Second, sleeper)
}

// TestEndsWaitForNoLogin: what is due is closed while the login of a fresh connection hangs.
func TestEndsWaitForNoLogin(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	first, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config, err := managedpool.ParseConfig(issuer.DSN(first))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 2
	var hang atomic.Bool
	release := make(chan struct{})
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if hang.Load() {
			<-release
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	source := newFeed(first)
	pool, err := managedpool.NewWithConfig(t.Context(), config, source, &managedpool.Options{
		DrainTimeout: 300 * time.Millisecond,
		OnEvent: func(e rekey.Event) {
			if a, ok := e.(rekey.AdoptedEvent); ok && a.Generation == 2 {
				hang.Store(true) // only the verification gets through
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Shutdown(context.Background())
	defer close(release)
	one, two := asleep(t, pool), asleep(t, pool)
	second, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	source.set(second)
	endsWithin(t, 10*time.Second, one)
	endsWithin(t, 10*time.Second, two)
}

// TestComesHomeInTime: where logins are too slow for a hand-over to keep its pace until the old credential's end,
// connections go as they come home, and none is cut off in use.
func TestComesHomeInTime(t *testing.T) {
	s, diary := newSite(t, nil), &loadtest.Diary{}
	login := newFeed(s.issue(t))
	var slow atomic.Bool
	pool := s.managed(t, login, &managedpool.Options{DrainTimeout: 800 * time.Millisecond, OnEvent: diary.Write}, func(c *pgxpool.Config) {
		c.MaxConns = poolSize
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if slow.Load() {
				time.Sleep(200 * time.Millisecond)
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	})
	var callers sync.WaitGroup
	defer callers.Wait()
	var over atomic.Bool
	defer over.Store(true)
	for range 2 * poolSize {
		callers.Go(func() {
			for !over.Load() {
				if _, err := pool.Exec(context.Background(), "select pg_sleep(0.03)"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	envtest.Eventually(t, patience, func() bool { return pool.Stat().AcquiredConns() == poolSize }, "all connections are in use")
	slow.Store(true)
	login.set(s.issue(t))
	var drained []rekey.DrainedEvent
	envtest.Eventually(t, patience, func() bool {
		drained = loadtest.Find[rekey.DrainedEvent](diary)
		return len(drained) > 0
	}, "hand-over")
	if drained[0].Cancelled > 0 {
		t.Errorf("%d connections were cut off in use", drained[0].Cancelled)
	}
}

// TestCutOffGoesToNobodyElse: a connection that was closed under a holder who did nothing with it is not given to the next
// caller when it comes back.
func TestCutOffGoesToNobodyElse(t *testing.T) {
	r := newRig(t, "", func(o *managedpool.Options) { o.DrainTimeout = 50 * time.Millisecond })
	for range 3 {
		held, err := r.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.rotate(t)
		envtest.Eventually(t, patience, func() bool {
			s := r.pool.Status()
			return s.Username == r.login.User && len(s.Draining) == 0
		}, "the connection is cut off")
		held.Release()
		for range 3 {
			if _, err := r.pool.Exec(t.Context(), "select 1"); err != nil {
				t.Errorf("the next caller: %v", err)
			}
		}
	}
}

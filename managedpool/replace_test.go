package managedpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// replacing makes a pool in Replace mode whatever the round is about.
func replacing(change func(*managedpool.Options)) func(*managedpool.Options) {
	return func(o *managedpool.Options) {
		o.Mode = managedpool.Replace
		if change != nil {
			change(o)
		}
	}
}

// TestNextConfig: each credential's pgxpool has the configuration that is made for it, and none is adopted without.
func TestNextConfig(t *testing.T) {
	onlyIn(t, managedpool.Replace)
	var mu sync.Mutex
	var refuse error
	r := newRig(t, "", replacing(func(o *managedpool.Options) {
		o.NextConfig = func(_ context.Context, next source.Credential, config *managedpool.Config) error {
			mu.Lock()
			defer mu.Unlock()
			config.MaxConns = int32(len(next.Username))
			config.ConnConfig.RuntimeParams["application_name"] = "for " + next.Username
			return refuse
		}
	}))
	check := func() {
		t.Helper()
		var name string
		if err := r.pool.QueryRow(t.Context(), "show application_name").Scan(&name); err != nil || name != "for "+r.login.User {
			t.Errorf("application_name is %q, %v", name, err)
		}
		if n := r.pool.Stat().MaxConns(); n != int32(len(r.login.User)) {
			t.Errorf("MaxConns is %d, want %d", n, len(r.login.User))
		}
	}
	check()
	r.rotate(t)
	r.adoptedLast(t, 5*time.Second)
	check()
	if n := r.pool.Config().MaxConns; n != poolSize {
		t.Errorf("Config().MaxConns is %d: it has changed with the credential", n)
	}

	mu.Lock()
	refuse = errors.New("no certificate for it yet")
	mu.Unlock()
	before := r.pool.Status().Username
	r.feed.put(credentialOf(r.issue(t)), nil)
	err := r.pool.Refresh(t.Context())
	if err == nil || !strings.Contains(err.Error(), "Options.NextConfig: no certificate") || r.pool.Status().Username != before {
		t.Errorf("adopted without a configuration: %v", err)
	}
	mu.Lock()
	refuse = nil
	mu.Unlock()
}

// TestNoUnwrap: there is no pgxpool for life.
func TestNoUnwrap(t *testing.T) {
	onlyIn(t, managedpool.Replace)
	if r := newRig(t, "", nil); r.pool.Unwrap() != nil {
		t.Error("Unwrap returns a pool that is about to be replaced")
	}
}

// TestWaitersKeepTheirPlace: who has come first is served first, also when a hand-over begins meanwhile.
func TestWaitersKeepTheirPlace(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 1 })
	held, err := c.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var served []int
	var callers sync.WaitGroup
	join := func(n int) {
		callers.Go(func() {
			conn, err := c.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Release()
			mu.Lock()
			defer mu.Unlock()
			served = append(served, n)
		})
		<-time.After(20 * time.Millisecond) // he is in line
	}
	for n := range 5 {
		join(n)
	}
	next, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.feed.set(next)
	envtest.Eventually(t, 5*time.Second, func() bool { return c.Status().Username == next.User }, "adopted")
	for n := range 5 {
		join(5 + n)
	}
	held.Release()
	callers.Wait()
	if !slices.IsSorted(served) || len(served) != 10 {
		t.Errorf("served in the order %v", served)
	}
}

// TestMidHandOver: the pool's methods while there are connections of two logins.
func TestMidHandOver(t *testing.T) {
	r := newRig(t, "", nil)
	held := holdAll(t, r.pool, 3)
	r.rotate(t)
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Status().Username == r.login.User }, "adopted")
	for range 3 {
		var user string
		if err := r.pool.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != r.login.User {
			t.Errorf("served as %q, %v", user, err)
		}
	}
	if n := r.pool.Stat().MaxConns(); n != poolSize {
		t.Errorf("MaxConns is %d", n)
	}
	idle := r.pool.AcquireAllIdle(t.Context())
	if len(idle) == 0 {
		t.Error("nothing is idle")
	}
	releaseAll(idle)
	r.pool.Reset()
	if err := r.pool.Ping(t.Context()); err != nil {
		t.Errorf("after Reset: %v", err)
	}
	for _, c := range held {
		if _, err := c.Exec(t.Context(), "select 1"); err != nil {
			t.Errorf("on a connection of the old login: %v", err)
		}
	}
	releaseAll(held[1:])
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := r.pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if closed := find[rekey.ClosedEvent](r.diary); len(closed) != 1 || closed[0].Abandoned != 1 {
		t.Errorf("events of the end: %v", closed)
	}
	releaseAll(held[:1])
}

// TestLeakedConnectionHoldsNothingUp: a connection that is never given back is closed at its deadline, and the pool
// goes on without it.
func TestLeakedConnectionHoldsNothingUp(t *testing.T) {
	r := newRig(t, "", func(o *managedpool.Options) { o.DrainTimeout = 300 * time.Millisecond })
	leaked, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leaked.Release()
	for n := range 3 {
		r.rotate(t)
		r.adoptedLast(t, 5*time.Second)
		if err := r.pool.Ping(t.Context()); err != nil {
			t.Errorf("after rotation %d: %v", n, err)
		}
	}
	drained := find[rekey.DrainedEvent](r.diary)
	if len(drained) != 3 || drained[0].Cancelled != 1 || drained[1].Cancelled != 0 {
		t.Errorf("drained: %s", fmt.Sprint(drained))
	}
}

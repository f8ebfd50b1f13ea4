package managedpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
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
			served = append(served, n)
			mu.Unlock()
			<-time.After(30 * time.Millisecond) // a query: an offer that comes to nothing costs 5 ms
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
	overtaken := slices.ContainsFunc(served, func(n int) bool { return slices.Index(served, n)-n > 2 })
	if overtaken || len(served) != 10 { // those side by side may change places
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
	if closed := loadtest.Find[rekey.ClosedEvent](r.diary); len(closed) != 1 || closed[0].Abandoned != 1 {
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
	drained := loadtest.Find[rekey.DrainedEvent](r.diary)
	if len(drained) != 3 || drained[0].Cancelled != 1 || drained[1].Cancelled != 0 {
		t.Errorf("drained: %s", fmt.Sprint(drained))
	}
}

// TestHeldLoginGetsTheNextConfiguration: callers who wait while the server refuses the login get connections of the
// next one's pgxpool: its password must not be sent where the configuration of the last one leads.
func TestHeldLoginGetsTheNextConfiguration(t *testing.T) {
	onlyIn(t, managedpool.Replace)
	const size = 4
	c := newCounted(t, &managedpool.Options{
		PollInterval: time.Hour,
		NextConfig: func(_ context.Context, next source.Credential, config *managedpool.Config) error {
			config.ConnConfig.RuntimeParams["application_name"] = "for " + next.Username
			return nil
		},
	}, func(config *managedpool.Config) { config.MaxConns = size })
	old, err := c.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Release()
	if err := c.issuer.Exec(t.Context(), "alter role "+c.feed.login.Username+" password 'another'"); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range size - 1 {
		callers.Go(func() {
			conn, err := c.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Release()
			var user, name string
			err = conn.QueryRow(context.Background(), "select current_user, current_setting('application_name')").Scan(&user, &name)
			if err != nil || name != "for "+user {
				t.Errorf("%s is logged in with the configuration of another: %q, %v", user, name, err)
			}
		})
	}
	envtest.Eventually(t, 5*time.Second, func() bool { return c.Status().State == rekey.StateRefused }, "refused")
	next, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.feed.set(next)
	callers.Wait()
	c.within(t, size+managedpool.DefaultHeadroom)
}

// TestNextConfigFails: an error that may pass does not cost the credential; one that is for good does, and so does a
// configuration that pgxpool would panic on.
func TestNextConfigFails(t *testing.T) {
	onlyIn(t, managedpool.Replace)
	for name, tt := range map[string]struct {
		next    func(*managedpool.Config) error
		retired int
	}{
		"a passing error":   {func(*managedpool.Config) error { return context.DeadlineExceeded }, 0},
		"an error for good": {func(*managedpool.Config) error { return source.Permanent(errors.New("no such shard")) }, 1},
		"not by ParseConfig": {func(c *managedpool.Config) error {
			*c = managedpool.Config{ConnConfig: c.ConnConfig, MaxConns: 1, HealthCheckPeriod: 1}
			return nil
		}, 1},
		"no connections":     {func(c *managedpool.Config) error { c.MaxConns = 0; return nil }, 1},
		"no DialFunc":        {func(c *managedpool.Config) error { c.ConnConfig.DialFunc = nil; return nil }, 1},
		"another ConnConfig": {func(c *managedpool.Config) error { c.ConnConfig = c.ConnConfig.Copy(); return nil }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			issuer := envtest.Issuer(t)
			fake := sourcetest.New(source.Credential{}, sourcetest.Notifies, sourcetest.Retires)
			issue := func(version string) {
				login, err := issuer.Issue(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				fake.Rotate(versioned(credentialOf(login), version))
			}
			issue("first")
			pool, err := managedpool.New(t.Context(), issuer.Database().DSN("nobody", ""), fake.Source(), &managedpool.Options{
				NextConfig: func(_ context.Context, c source.Credential, config *managedpool.Config) error {
					if c.Version == "first" {
						return nil
					}
					return tt.next(config)
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer shutdown(t, pool)
			issue("second")
			err = pool.Refresh(t.Context())
			if err == nil || !strings.Contains(err.Error(), "Options.NextConfig") || pool.Status().Version != "first" {
				t.Errorf("error %v, version %q", err, pool.Status().Version)
			}
			if err := pool.Ping(t.Context()); err != nil {
				t.Error(err)
			}
			envtest.Eventually(t, 5*time.Second, func() bool { return len(fake.Retired()) >= tt.retired }, "given back")
			if n := len(fake.Retired()); n != tt.retired {
				t.Errorf("%d credentials given back, want %d", n, tt.retired)
			}
		})
	}
}

// acquires counts what an AcquireTracer hears.
type acquires struct {
	seenPools
	ended, failed atomic.Int64
}

func (a *acquires) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ managedpool.TraceAcquireStartData) context.Context {
	return ctx
}

func (a *acquires) TraceAcquireEnd(_ context.Context, _ *pgxpool.Pool, data managedpool.TraceAcquireEndData) {
	a.ended.Add(1)
	if data.Err != nil {
		a.failed.Add(1)
	}
}

// TestTracerHearsOfAnAcquireOnce: whatever becomes of it in a hand-over.
func TestTracerHearsOfAnAcquireOnce(t *testing.T) {
	tracer := &acquires{}
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 5
		config.ConnConfig.Tracer = tracer
	})
	var done atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 12 {
		callers.Go(func() {
			for ctx.Err() == nil {
				if _, err := c.Exec(t.Context(), "select pg_sleep(0.002)"); err != nil {
					t.Error(err)
				}
				done.Add(1)
			}
		})
	}
	for range 4 {
		next, err := c.issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.feed.set(next)
		uses(t, c.Pool, next)
	}
	cancel()
	callers.Wait()
	if ended := tracer.ended.Load(); ended != done.Load() || tracer.failed.Load() != 0 {
		t.Errorf("%d acquires: the tracer heard of %d, %d failed", done.Load(), ended, tracer.failed.Load())
	}
}

// TestNoHeadroomKeepsPace: without headroom, too, connections go one by one, and there are as many afterwards.
func TestNoHeadroomKeepsPace(t *testing.T) {
	c := newCounted(t, &managedpool.Options{Headroom: -1}, func(config *managedpool.Config) { config.MaxConns = 10 })
	held := holdAll(t, c.Pool, 10)
	releaseAll(held)
	for range 3 {
		before := c.proxy.Total()
		next, err := c.issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c.feed.set(next)
		uses(t, c.Pool, next)
		envtest.Eventually(t, patience, func() bool { return c.Stat().TotalConns() == 10 }, "ten connections")
		if n := c.proxy.Total() - before; n < 9 { // one may have been made before its time
			t.Errorf("%d sessions made for ten connections", n)
		}
	}
	c.within(t, 10)
}

// queue is callers who wait for a connection, one after another, and note when they were served.
type queue struct {
	*counted
	callers sync.WaitGroup
	mu      sync.Mutex
	served  []int
}

// join brings n callers, the first with number first.
func (q *queue) join(t *testing.T, first, n int) {
	for i := range n {
		q.callers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			conn, err := q.Acquire(ctx)
			if err != nil {
				t.Errorf("caller %d: %v", first+i, err)
				return
			}
			q.mu.Lock()
			q.served = append(q.served, first+i)
			q.mu.Unlock()
			<-time.After(20 * time.Millisecond) // a query
			conn.Release()
		})
		<-time.After(20 * time.Millisecond) // he is in line
	}
}

// inOrder waits for all callers. Whoever makes a connection may be overtaken on others meanwhile, for as long as a login
// takes: that many at the most are not where they should be.
func (q *queue) inOrder(t *testing.T, n, makers int) {
	t.Helper()
	q.callers.Wait()
	if len(q.served) != n {
		t.Errorf("%d callers were served, want %d", len(q.served), n)
	}
	if late := n - longestRise(q.served); late > makers {
		t.Errorf("served in the order %v", q.served)
	}
}

// longestRise returns how many numbers are in order, the others left out.
func longestRise(numbers []int) (longest int) {
	rises := make([]int, len(numbers)) // that end with each
	for i := range numbers {
		for j := range i {
			if numbers[j] < numbers[i] {
				rises[i] = max(rises[i], rises[j])
			}
		}
		rises[i]++
		longest = max(longest, rises[i])
	}
	return longest
}

// rotated issues a login and waits until the pool has it.
func (q *queue) rotated(t *testing.T) {
	t.Helper()
	next, err := q.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	q.feed.set(next)
	envtest.Eventually(t, patience, func() bool { return q.Status().Username == next.User }, "adopted")
}

// TestWaitersAreCalledOut: callers who wait for connections that never come back get others, of the next login, in the
// order of their coming.
func TestWaitersAreCalledOut(t *testing.T) {
	const size = 2
	c := newCounted(t, &managedpool.Options{DrainTimeout: 300 * time.Millisecond}, func(config *managedpool.Config) { config.MaxConns = size })
	q := &queue{counted: c}
	leaked := holdAll(t, c.Pool, size)
	q.join(t, 0, 6)
	q.rotated(t)
	q.join(t, 6, 4)
	if mode == managedpool.InPlace {
		releaseAll(leaked) // one pgxpool: their places are theirs until then
	}
	q.inOrder(t, 10, size)
	releaseAll(leaked)
}

// TestWaitersKeepTheirPlaceWithMuchHeadroom: connections of the next pgxpool are there before any of the old ones goes.
func TestWaitersKeepTheirPlaceWithMuchHeadroom(t *testing.T) {
	onlyIn(t, managedpool.Replace)
	const headroom = 2
	c := newCounted(t, &managedpool.Options{Headroom: headroom}, func(config *managedpool.Config) { config.MaxConns = 1 })
	q := &queue{counted: c}
	held := holdAll(t, c.Pool, 1)
	q.join(t, 0, 6)
	q.rotated(t)
	q.join(t, 6, 6)
	releaseAll(held)
	q.inOrder(t, 12, 1+headroom)
	c.within(t, 1+headroom)
}

// TestWaitersOfALateHandOver: nor does it matter that a connection comes home long after.
func TestWaitersOfALateHandOver(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 1 })
	q := &queue{counted: c}
	held := holdAll(t, c.Pool, 1)
	q.join(t, 0, 8)
	q.rotated(t)
	<-time.After(700 * time.Millisecond) // the hand-over is late now
	q.join(t, 8, 4)
	releaseAll(held)
	q.inOrder(t, 12, 1)
	c.within(t, 1+managedpool.DefaultHeadroom)
}

// TestWaitersOfTwoRotations: they move from one pgxpool to the next as often as it takes.
func TestWaitersOfTwoRotations(t *testing.T) {
	c := newCounted(t, nil, func(config *managedpool.Config) { config.MaxConns = 2 })
	q := &queue{counted: c}
	held := holdAll(t, c.Pool, 2)
	q.join(t, 0, 4)
	q.rotated(t)
	q.join(t, 4, 4)
	held[0].Release()
	q.rotated(t)
	q.join(t, 8, 4)
	held[1].Release()
	q.inOrder(t, 12, 2)
	c.within(t, 2+managedpool.DefaultHeadroom)
}

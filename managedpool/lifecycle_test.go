package managedpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// TestNewFails: a pool that cannot start says why, soon, and leaves nothing behind.
func TestNewFails(t *testing.T) {
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	good, wrong, absent := credentialOf(login), credentialOf(login), credentialOf(login)
	wrong.Password = source.NewSecret("wrong")
	absent.Username = "nobody_at_all"
	denied := errors.New("denied by policy")
	tests := []struct {
		name   string
		fetch  source.Func
		opts   managedpool.Options
		within time.Duration
		want   func(error) bool
	}{
		{"the source says no for good", fails(source.Permanent(denied)), managedpool.Options{}, 10 * time.Second,
			func(err error) bool { return errors.Is(err, denied) }},
		{"the source fails for longer than MaxHold", fails(denied), managedpool.Options{MaxHold: 300 * time.Millisecond},
			10 * time.Second, func(err error) bool { return errors.Is(err, denied) }},
		{"the password is wrong", gives(wrong), managedpool.Options{MaxHold: 300 * time.Millisecond}, 10 * time.Second,
			func(err error) bool {
				var v *managedpool.VerifyError
				return errors.As(err, &v) && v.SQLState == "28P01"
			}},
		{"the context ends", hangs, managedpool.Options{}, 200 * time.Millisecond,
			func(err error) bool { return errors.Is(err, context.DeadlineExceeded) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			envtest.NoLeak(t)
			ctx, cancel := context.WithTimeout(t.Context(), tt.within)
			defer cancel()
			began := time.Now()
			pool, err := managedpool.New(ctx, issuer.DSN(login), tt.fetch, &tt.opts)
			if err == nil {
				pool.Close()
				t.Fatal("New succeeded")
			}
			if !tt.want(err) {
				t.Errorf("error is %v", err)
			}
			if took := time.Since(began); took > tt.within+5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	_ = good
}

func gives(c source.Credential) source.Func {
	return func(context.Context) (source.Credential, error) { return c, nil }
}

func fails(err error) source.Func {
	return func(context.Context) (source.Credential, error) { return source.Credential{}, err }
}

// hangs is a source that answers nothing.
func hangs(ctx context.Context) (source.Credential, error) {
	<-ctx.Done()
	return source.Credential{}, ctx.Err()
}

// TestLazy: New returns at once, and callers wait for the first credential.
func TestLazy(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	src := source.Func(func(ctx context.Context) (source.Credential, error) {
		select {
		case <-gate:
			return credentialOf(login), nil
		case <-ctx.Done():
			return source.Credential{}, ctx.Err()
		}
	})
	pool, err := managedpool.New(t.Context(), issuer.DSN(login), src, &managedpool.Options{Lazy: true})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if s := pool.Status(); s.State != rekey.StateStarting {
		t.Errorf("state is %s", s.State)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := pool.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the first credential: %v", err)
	}
	close(gate)
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// TestInUseAcrossHandOver: what is in use finishes on its own connection, however long it takes, and keeps its
// session state; the generation is drained afterwards.
func TestInUseAcrossHandOver(t *testing.T) {
	r := newRig(t, "", nil)
	first := r.login.User
	tx, err := r.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	rows, err := r.pool.Query(t.Context(), "select generate_series(1, 5000)")
	if err != nil {
		t.Fatal(err)
	}
	r.rotate(t)
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Status().Username == r.login.User }, "adopted")

	var user string
	if err := tx.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != first {
		t.Errorf("in the transaction: %q, %v; want %q", user, err, first)
	}
	if err := r.pool.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != r.login.User {
		t.Errorf("beside it: %q, %v; want %q", user, err, r.login.User)
	}
	if n, err := pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || len(n) != 5000 {
		t.Errorf("rows that were open: %d, %v", len(n), err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Errorf("commit: %v", err)
	}
	r.adoptedLast(t, 5*time.Second)
	envtest.Eventually(t, 5*time.Second, func() bool { return len(loadtest.Find[rekey.DrainedEvent](r.diary)) == 1 }, "drained")
}

// TestDrainTimeout: connections still in use at the deadline are cancelled and closed, and counted.
func TestDrainTimeout(t *testing.T) {
	r := newRig(t, "", func(o *managedpool.Options) { o.DrainTimeout = 300 * time.Millisecond })
	sleeper := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		sleeper <- r.pool.AcquireFunc(context.Background(), func(c *managedpool.Conn) error {
			close(ready)
			_, err := c.Exec(context.Background(), "select pg_sleep(60)")
			return err
		})
	}()
	<-ready
	r.rotate(t)
	select {
	case err := <-sleeper:
		if err == nil {
			t.Error("the statement was not cancelled")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the statement runs on")
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		drained := loadtest.Find[rekey.DrainedEvent](r.diary)
		return len(drained) == 1 && drained[0].Cancelled == 1
	}, "the event says that one connection was cancelled")
}

// TestHijacked: a hijacked connection is its owner's. The generation stays until it is closed; nothing is made to
// replace it.
func TestHijacked(t *testing.T) {
	r := newRig(t, "", nil)
	c, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := c.Hijack()
	r.rotate(t)
	envtest.Eventually(t, 5*time.Second, func() bool {
		s := r.pool.Status()
		return s.Username == r.login.User && len(s.Draining) == 1 && s.Draining[0].Connections == 1
	}, "the old generation waits for the hijacked connection")
	var one int
	if err := conn.QueryRow(t.Context(), "select 1").Scan(&one); err != nil {
		t.Errorf("on the hijacked connection: %v", err)
	}
	conn.Close(t.Context())
	r.adoptedLast(t, 5*time.Second)
}

// TestShutdownWithLeak: a connection that never comes home is closed under its holder, within the context.
func TestShutdownWithLeak(t *testing.T) {
	r := newRig(t, "", nil)
	c, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	if err := r.pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("shutdown took %v of one second", took)
	}
	if err := c.Ping(t.Context()); err == nil {
		t.Error("the leaked connection works on")
	}
	closed := loadtest.Find[rekey.ClosedEvent](r.diary)
	if len(closed) != 1 || closed[0].Abandoned != 1 {
		t.Errorf("events of the end: %+v", closed)
	}
	if _, err := r.pool.Acquire(t.Context()); err == nil {
		t.Error("a closed pool gives connections")
	}
	c.Release()
}

// TestUnwrapFollows: the pgxpool beneath is one for life and uses the newest login.
func TestUnwrapFollows(t *testing.T) {
	onlyIn(t, managedpool.InPlace)
	r := newRig(t, "", nil)
	inner := r.pool.Unwrap()
	for range 3 {
		r.rotate(t)
		r.adoptedLast(t, 5*time.Second)
		var user string
		if err := inner.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != r.login.User {
			t.Errorf("through Unwrap: %q, %v; want %q", user, err, r.login.User)
		}
	}
	if r.pool.Unwrap() != inner {
		t.Error("Unwrap returned another pool")
	}
}

// TestConnectionLimit: a role whose own limit is the pool's size is no obstacle.
func TestConnectionLimit(t *testing.T) {
	r := newRig(t, "", nil)
	for n := range 3 {
		next := r.issue(t)
		if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s connection limit %d", next.User, poolSize)); err != nil {
			t.Fatal(err)
		}
		work := loadtest.Start(t, r.pool, 2*poolSize, nil)
		r.login = next
		r.feed.set(next)
		r.adoptedLast(t, 10*time.Second)
		work.End()
		t.Logf("rotation %d: %d operations", n+1, work.Done())
	}
}

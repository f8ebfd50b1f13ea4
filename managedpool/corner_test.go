package managedpool_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

// TestDeadHostInFront: a first host that hangs up must not make the pool lose sight of sessions on the second: no
// credential is given back while they live.
func TestDeadHostInFront(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	dead := deadHost(t)
	fake := sourcetest.New(source.Credential{}, sourcetest.Notifies, sourcetest.Retires)
	first, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fake.Rotate(versioned(credentialOf(first), "first"))
	server := envtest.Postgres(t)
	dsn := fmt.Sprintf("host=%s,%s port=%d,%d dbname=%s sslmode=verify-full sslrootcert=%s pool_max_conns=5",
		server.Host, server.Host, dead, server.Port, issuer.Database().Name, server.CAFile)
	pool, err := managedpool.New(t.Context(), dsn, fake.Source(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	held := holdAll(t, pool, 5)
	second, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fake.Rotate(versioned(credentialOf(second), "second"))
	envtest.Eventually(t, 5*time.Second, func() bool { return pool.Status().Version == "second" }, "adopted")
	if s := pool.Status(); len(s.Draining) != 1 || s.Draining[0].Connections != 5 {
		t.Errorf("with five connections of the old login out: %+v", s.Draining)
	}
	if n := len(fake.Retired()); n != 0 {
		t.Errorf("%d credentials were given back while in use", n)
	}
	releaseAll(held)
	envtest.Eventually(t, 10*time.Second, func() bool { return len(fake.Retired()) == 1 }, "given back at last")
	envtest.Eventually(t, 5*time.Second, func() bool {
		n := pool.Status().Connections
		return n > 0 && n == int(pool.Stat().TotalConns())
	}, "all connections are those of the new login")
}

// deadHost returns a port where connections are accepted and closed.
func deadHost(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var loop sync.WaitGroup
	loop.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		loop.Wait()
	})
	return listener.Addr().(*net.TCPAddr).Port
}

func versioned(c source.Credential, version string) source.Credential {
	c.Version = version
	return c
}

// holdAll checks n connections out.
func holdAll(t *testing.T, pool *managedpool.Pool, n int) []*managedpool.Conn {
	t.Helper()
	var held []*managedpool.Conn
	for range n {
		c, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	return held
}

func releaseAll(conns []*managedpool.Conn) {
	for _, c := range conns {
		c.Release()
	}
}

// TestLoginWithoutRoom: a new login that may have no session at all costs the pool at most one connection.
func TestLoginWithoutRoom(t *testing.T) {
	r := newRig(t, "", nil)
	releaseAll(holdAll(t, r.pool, poolSize))
	inUse := r.login.User
	full := r.issue(t)
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s connection limit 0", full.User)); err != nil {
		t.Fatal(err)
	}
	logins := r.proxy.Total()
	r.feed.set(full)
	if err := r.pool.Refresh(t.Context()); sqlState(err) != "53300" {
		t.Errorf("refresh: %v", err)
	}
	if s := r.pool.Status(); s.Username != inUse || s.State != rekey.StateDegraded {
		t.Errorf("status is %+v", s)
	}
	if n := r.pool.Stat().TotalConns(); n < poolSize-2 {
		t.Errorf("%d of %d connections are left", n, poolSize)
	}
	if n := r.proxy.Total() - logins; n > 8 {
		t.Errorf("%d logins", n)
	}
}

// TestHandOverAfterRestoredLogin: a login that was refused and is good again in the middle of a hand-over does not
// stop it.
func TestHandOverAfterRestoredLogin(t *testing.T) {
	r := newRig(t, "", nil)
	held := holdAll(t, r.pool, 3)
	r.rotate(t)
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Status().Username == r.login.User }, "adopted")
	if _, err := r.issuer.AlterPassword(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	r.pool.Reset()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	r.pool.Ping(ctx) // refused
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s password '%s'", r.login.User, r.login.Password)); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 20*time.Second, func() bool { return r.pool.Status().State == rekey.StateServing }, "restored")
	releaseAll(held)
	r.adoptedLast(t, 10*time.Second)
}

// TestSlowAfterConnect: a hook that takes its time does not hide a connection from the hand-over.
func TestSlowAfterConnect(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	first, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	feed := newFeed(first)
	config, err := managedpool.ParseConfig(issuer.DSN(first) + " pool_max_conns=4")
	if err != nil {
		t.Fatal(err)
	}
	config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "select pg_sleep(0.1)")
		return err
	}
	pool, err := managedpool.NewWithConfig(t.Context(), config, feed, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	releaseAll(holdAll(t, pool, 4))
	second, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	feed.set(second)
	envtest.Eventually(t, 15*time.Second, func() bool {
		s := pool.Status()
		return s.Username == second.User && len(s.Draining) == 0
	}, "all connections are replaced")
}

// TestHeldConnectionCostsNoLogins: while an old connection is held, nothing is logged in again and again for the
// moment in which it comes home.
func TestHeldConnectionCostsNoLogins(t *testing.T) {
	r := newRig(t, "", nil)
	held := holdAll(t, r.pool, poolSize)
	r.rotate(t)
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Status().Username == r.login.User }, "adopted")
	logins := r.proxy.Total()
	<-time.After(3500 * time.Millisecond)
	if n := r.proxy.Total() - logins; n > 2 {
		t.Errorf("%d logins in three and a half idle seconds", n)
	}
	releaseAll(held)
	r.adoptedLast(t, 10*time.Second)
}

// TestHungNetworkAtExpiry: connections are closed in time even where no cancel request gets through.
func TestHungNetworkAtExpiry(t *testing.T) {
	r := newRig(t, "", nil)
	lease := leased(r.issue(t), 4*time.Second)
	r.feed.put(lease, nil)
	if err := r.pool.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 2*time.Second, func() bool { return len(r.pool.Status().Draining) == 0 }, "hand-over")
	r.feed.quietly(source.Credential{}, context.DeadlineExceeded)
	held := holdAll(t, r.pool, 2)
	defer releaseAll(held)
	ended := make(chan time.Time, len(held))
	for _, c := range held {
		go func() {
			c.Exec(context.Background(), "select pg_sleep(60)")
			ended <- time.Now()
		}()
	}
	<-time.After(time.Until(r.pool.Status().NotAfter) - 300*time.Millisecond)
	r.proxy.Pause()
	defer r.proxy.Resume()
	for range held {
		if at := <-ended; at.After(lease.ExpiresAt) {
			t.Errorf("a connection ended %v after its credential", at.Sub(lease.ExpiresAt))
		}
	}
}

// TestStubbornSource: a source that ignores its context delays neither the end of the pool's connections nor
// Shutdown.
func TestStubbornSource(t *testing.T) {
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	defer close(release)
	calls := 0
	src := source.Func(func(context.Context) (source.Credential, error) {
		if calls++; calls > 1 {
			<-release
		}
		return credentialOf(login), nil
	})
	pool, err := managedpool.New(t.Context(), issuer.DSN(login), src, &managedpool.Options{PollInterval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	go pool.Refresh(context.Background())
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	err = pool.Shutdown(ctx)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("shutdown took %v: %v", took, err)
	}
	if err := pool.Ping(t.Context()); err == nil {
		t.Error("the pool works on")
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		n, err := issuer.AllSessions(t.Context())
		return err == nil && n == 0
	}, "no session is left")
}

// TestShutdownBeforeRetire: a hijacked connection is closed before its credential is given back, and counted.
func TestShutdownBeforeRetire(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fake := sourcetest.New(versioned(credentialOf(login), "v1"), sourcetest.Retires)
	events := &loadtest.Diary{}
	pool, err := managedpool.New(t.Context(), issuer.DSN(login), fake.Source(), &managedpool.Options{OnEvent: events.Write})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn := c.Hijack()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := pool.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the hijacked connection works on")
	}
	if len(fake.Retired()) != 1 {
		t.Errorf("%d credentials were given back", len(fake.Retired()))
	}
	if closed := loadtest.Find[rekey.ClosedEvent](events); len(closed) != 1 || closed[0].Abandoned != 1 {
		t.Errorf("events of the end: %+v", closed)
	}
}

// TestDroppedTenantRole: a role that the application has set and somebody drops says nothing of the login.
func TestDroppedTenantRole(t *testing.T) {
	r := newRig(t, "", nil)
	tenant := r.login.User + "_tenant"
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("create role %s; grant %s to %s", tenant, tenant, r.login.User)); err != nil {
		t.Fatal(err)
	}
	c, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Exec(t.Context(), "set role "+tenant); err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Exec(t.Context(), "drop role "+tenant); err != nil {
		t.Fatal(err)
	}
	fetches := r.feed.count()
	if _, err := c.Exec(t.Context(), "select * from app.accounts"); err == nil {
		t.Error("a dropped role reads a table")
	}
	c.Exec(t.Context(), "reset role")
	c.Release()
	if s := r.pool.Status(); s.State != rekey.StateServing || r.feed.count() != fetches {
		t.Errorf("status is %+v after %d fetches", s, r.feed.count()-fetches)
	}
}

// TestPingAfterErrand: a connection that was idle for long is pinged before use, also when the pool itself has
// looked at it meanwhile.
func TestPingAfterErrand(t *testing.T) {
	r := newRig(t, "", nil)
	releaseAll(holdAll(t, r.pool, 3))
	<-time.After(1200 * time.Millisecond)
	login, err := r.issuer.AlterPassword(t.Context(), r.login) // adopted without a hand-over, and drops a spare
	if err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Terminate(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	r.login = login
	r.rotate(t)
	r.adoptedLast(t, 5*time.Second)
	for range 10 {
		if _, err := r.pool.Exec(t.Context(), "select 1"); err != nil {
			t.Errorf("a dead connection was handed out: %v", err)
		}
	}
}

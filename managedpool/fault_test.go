package managedpool_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

// leased is a login that ends after the given life.
func leased(login testenv.Login, life time.Duration) source.Credential {
	c := credentialOf(login)
	c.IssuedAt = time.Now()
	c.ExpiresAt = c.IssuedAt.Add(life)
	return c
}

// TestBadSource: whatever a source does instead of giving a good credential, callers do not notice, the login in
// use stays, the reason is told, and the server sees few logins for it.
func TestBadSource(t *testing.T) {
	broken := errors.New("the store is on fire")
	tests := []struct {
		name   string
		put    func(t *testing.T, r *rig)
		reason string
	}{
		{"fails", func(t *testing.T, r *rig) { r.feed.put(source.Credential{}, broken) }, "on fire"},
		{"gives rubbish", func(t *testing.T, r *rig) { r.feed.put(source.Credential{}, nil) }, "without a username"},
		{"gives an expired one", func(t *testing.T, r *rig) {
			r.feed.put(leased(r.issue(t), -time.Second), nil)
		}, "expired"},
		{"gives a wrong password", func(t *testing.T, r *rig) {
			wrong := r.issue(t)
			wrong.Password = "wrong-" + wrong.Password
			r.feed.put(credentialOf(wrong), nil)
		}, "28P01"},
		{"gives a login without a grant", func(t *testing.T, r *rig) {
			poor := r.issue(t)
			if err := r.issuer.Exec(t.Context(), "revoke insert on app.events from "+poor.User); err != nil {
				t.Fatal(err)
			}
			r.feed.put(credentialOf(poor), nil)
		}, "events"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "", nil)
			inUse := r.login.User
			work := loadtest.Start(t, r.pool, 8, nil)
			logins := r.proxy.Total()
			tt.put(t, r)
			envtest.Eventually(t, 5*time.Second, func() bool {
				return r.pool.Status().State == rekey.StateDegraded
			}, "the pool says that it is degraded")
			for range 20 { // a source that keeps on, and on
				tt.put(t, r)
			}
			s := r.pool.Status()
			if s.Username != inUse || !strings.Contains(s.LastError, tt.reason) {
				t.Errorf("status is %+v, want %s in use and a reason with %q", s, inUse, tt.reason)
			}
			if n := r.proxy.Total() - logins - poolSize; n > 45 {
				t.Errorf("%d logins because of a bad source", n)
			}
			work.End()
		})
	}
}

// TestRefusedVersionIsLeftAlone: a credential that was refused is not tried again at every hint.
func TestRefusedVersionIsLeftAlone(t *testing.T) {
	r := newRig(t, "", nil)
	wrong := r.issue(t)
	wrong.Password = "wrong"
	logins := r.proxy.Total()
	for range 50 {
		r.feed.set(wrong)
		if err := r.pool.Refresh(t.Context()); err == nil {
			t.Fatal("refresh with a refused credential in the store says that all is well")
		}
	}
	if n := r.proxy.Total() - logins; n > 3 {
		t.Errorf("%d logins with the same wrong password", n)
	}
}

// TestExpiry: without a newer credential every connection is closed before the lease ends, callers learn why
// nothing works, and the pool recovers by itself.
func TestExpiry(t *testing.T) {
	const life = 3 * time.Second
	r := newRig(t, "", nil)
	old := r.login
	next := leased(r.issue(t), life)
	r.feed.put(next, nil)
	if err := r.pool.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.feed.quietly(source.Credential{}, errors.New("store is down"))
	envtest.Eventually(t, 2*time.Second, func() bool { return len(r.pool.Status().Draining) == 0 }, "hand-over")

	held, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	sleeper := make(chan error, 1)
	go func() {
		_, err := held.Exec(context.Background(), "select pg_sleep(30)")
		sleeper <- err
	}()
	for time.Now().Before(next.ExpiresAt.Add(-time.Second)) {
		if err := loadtest.Work(t.Context(), r.pool, 7); err != nil {
			t.Fatalf("%v before the lease ends: %v", time.Until(next.ExpiresAt), err)
		}
	}
	if err := <-sleeper; err == nil {
		t.Error("a statement outlived its credential")
	}
	if late := time.Since(next.ExpiresAt); late > 0 {
		t.Errorf("a connection in use was closed %v after its credential had ended", late)
	}
	soon, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	err = r.pool.Ping(soon)
	if !errors.Is(err, managedpool.ErrCredentialExpired) || !strings.Contains(err.Error(), "store is down") {
		t.Errorf("with an expired credential: %v", err)
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		n, err := r.issuer.AllSessions(t.Context())
		return err == nil && n == 0
	}, "all sessions are gone")
	if drained := loadtest.Find[rekey.ExpiredEvent](r.diary); len(drained) != 1 {
		t.Errorf("%d events say that the credential expired", len(drained))
	}

	r.feed.set(old)
	envtest.Eventually(t, 10*time.Second, func() bool { return r.pool.Ping(t.Context()) == nil }, "recovery")
}

// TestPasswordAheadOfStore: the database has the new password, sessions are killed, and the store says so only
// later. Callers wait; none fails at a login, and the server sees few of those.
func TestPasswordAheadOfStore(t *testing.T) {
	const lag = time.Second
	r := newRig(t, "", nil)
	killed := func(err error) bool { return inFlight(err) }
	work := loadtest.Start(t, r.pool, 16, killed)
	envtest.Eventually(t, 5*time.Second, func() bool { return work.Done() > 500 }, "load")

	logins := r.proxy.Total()
	newer, err := r.issuer.AlterPassword(t.Context(), r.login)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Terminate(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	fetches := r.feed.count()
	<-time.After(lag)
	duringLag := r.proxy.Total() - logins
	asked := r.feed.count() - fetches
	r.feed.quietly(credentialOf(newer), nil)
	before := work.Done()
	envtest.Eventually(t, 10*time.Second, func() bool { return work.Done() > before+500 }, "work goes on")
	work.End()
	t.Logf("%d statements in flight were killed; %d logins and %d fetches during %v", work.Failed(), duringLag, asked, lag)
	if duringLag > poolSize+6 {
		t.Errorf("%d logins while the store was late", duringLag)
	}
	if asked > 8 {
		t.Errorf("%d fetches while the store was late", asked)
	}
}

// TestRefusedForLong: the store never catches up. Callers wait as long as they are willing to and learn why; the
// server sees a login now and then, however many callers there are. An operator who gives the old password back
// ends it.
func TestRefusedForLong(t *testing.T) {
	r := newRig(t, "", nil)
	if _, err := r.issuer.AlterPassword(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Terminate(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	for pinged := true; pinged; { // finds the dead connection, which the pool then drops
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // where it is found already, callers wait for MaxHold
		pinged = r.pool.Ping(ctx) == nil
		cancel()
	}
	logins := r.proxy.Total()
	var callers sync.WaitGroup
	for range 20 {
		callers.Go(func() {
			for range 5 {
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				c, err := r.pool.Acquire(ctx)
				cancel()
				switch {
				case err == nil:
					c.Release()
				case !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, managedpool.ErrLoginRefused):
					t.Errorf("a caller who waited got: %v", err)
				}
			}
		})
	}
	callers.Wait()
	if n := r.proxy.Total() - logins; n > poolSize+6 {
		t.Errorf("%d logins with a wrong password", n)
	}
	if s := r.pool.Status(); s.State != rekey.StateRefused || !strings.Contains(s.LastError, "28P01") {
		t.Errorf("status is %+v", s)
	}
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s password '%s'", r.login.User, r.login.Password)); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 20*time.Second, func() bool { return r.pool.Status().State == rekey.StateServing }, "restored")
	if restored := loadtest.Find[rekey.LoginRestoredEvent](r.diary); len(restored) != 1 {
		t.Errorf("%d events say that the login is good again", len(restored))
	}
	// A connection that was killed while idle may be found dead once, as in pgxpool.
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Ping(t.Context()) == nil }, "work goes on")
}

// TestDisabledLogin: an operator who disables a login means it. Callers are not held once the source has been
// asked; when the login is enabled again, the pool finds out.
func TestDisabledLogin(t *testing.T) {
	r := newRig(t, "", nil)
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s nologin", r.login.User)); err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Terminate(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 10*time.Second, func() bool {
		began := time.Now()
		err := r.pool.Ping(t.Context())
		return sqlState(err) == "28000" && time.Since(began) < time.Second
	}, "callers get the server's answer at once")
	if err := r.issuer.Exec(t.Context(), fmt.Sprintf("alter role %s login", r.login.User)); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 20*time.Second, func() bool { return r.pool.Ping(t.Context()) == nil }, "enabled again")
}

func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// inFlight reports whether err is what a statement gets whose session is killed under it.
func inFlight(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return strings.HasPrefix(pgErr.Code, "57P") // 57P01 and its kin
	}
	var connectErr *pgconn.ConnectError
	return !errors.As(err, &connectErr) && (strings.Contains(err.Error(), "EOF") ||
		strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "reset by peer") ||
		strings.Contains(err.Error(), "broken pipe") || errors.Is(err, net.ErrClosed))
}

// TestKilledSessions: with a good credential, killed sessions cost the statements in flight, at most one more
// each, and no fetch.
func TestKilledSessions(t *testing.T) {
	r := newRig(t, "", nil)
	work := loadtest.Start(t, r.pool, 16, inFlight)
	envtest.Eventually(t, 5*time.Second, func() bool { return work.Done() > 500 }, "load")
	fetches := r.feed.count()
	if err := r.issuer.Terminate(t.Context(), r.login); err != nil {
		t.Fatal(err)
	}
	before := work.Done()
	envtest.Eventually(t, 10*time.Second, func() bool { return work.Done() > before+500 }, "work goes on")
	work.End()
	if failed := work.Failed(); failed > 2*poolSize {
		t.Errorf("%d operations failed for %d killed sessions", failed, poolSize)
	}
	if n := r.feed.count() - fetches; n != 0 {
		t.Errorf("%d fetches because sessions were killed", n)
	}
}

// TestRevokedRole: an issuer takes everything from the login in use, without a word. The pool finds out from the
// errors of open sessions, and asks the source.
func TestRevokedRole(t *testing.T) {
	r := newRig(t, "", nil)
	denied := func(err error) bool {
		var pgErr *pgconn.PgError
		return errors.As(err, &pgErr) && strings.HasPrefix(pgErr.Code, "42")
	}
	work := loadtest.Start(t, r.pool, 8, denied)
	envtest.Eventually(t, 5*time.Second, func() bool { return work.Done() > 500 }, "load")
	revoked := r.login
	r.login = r.issue(t)
	r.feed.quietly(credentialOf(r.login), nil)
	r.revoke(t, revoked)
	r.adoptedLast(t, 10*time.Second)
	failures := work.Failed()
	before := work.Done()
	envtest.Eventually(t, 10*time.Second, func() bool { return work.Done() > before+500 }, "work goes on")
	work.End()
	if after := work.Failed(); after > failures+8 {
		t.Errorf("%d operations failed after the new login was in use", after-failures)
	}
	if found := loadtest.Find[rekey.LoginRefusedEvent](r.diary); len(found) == 0 {
		t.Error("no event tells of the revoked role")
	}
	t.Logf("%d operations failed before the revoked role was found", failures)
	if failures > 2*poolSize {
		t.Errorf("%d operations failed on %d connections", failures, poolSize)
	}
}

// TestOrdinaryErrors: misspelt tables and missing grants are the application's own: no fetch, no login.
func TestOrdinaryErrors(t *testing.T) {
	r := newRig(t, "", nil)
	fetches, logins := r.feed.count(), r.proxy.Total()
	for range 200 {
		if _, err := r.pool.Exec(t.Context(), "select * from app.no_such_table"); err == nil {
			t.Fatal("a table that does not exist")
		}
		if _, err := r.pool.Exec(t.Context(), "create table app.mine (id int)"); err == nil {
			t.Fatal("a grant that the login does not have")
		}
	}
	if n := r.feed.count() - fetches; n != 0 {
		t.Errorf("%d fetches", n)
	}
	if n := r.proxy.Total() - logins; n > 1 {
		t.Errorf("%d logins", n)
	}
}

// TestSourceOutage: a source that hangs or fails for the whole slack of a lease costs nothing: the login in use
// serves until its not-after, the source is not stormed, and a renewal bridges the outage where there is one.
func TestSourceOutage(t *testing.T) {
	const life = 4 * time.Second
	outages := map[string]func(*sourcetest.Fake){
		"hangs": func(f *sourcetest.Fake) { f.Hang() },
		"fails": func(f *sourcetest.Fake) { f.FailNext(1_000_000, errors.New("store is down")) },
	}
	for name, begin := range outages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, fake, lease := leasedPool(t, life)
			work := loadtest.Start(t, pool, 4, nil)
			begin(fake)
			fetches := fake.Fetches()
			notAfter := pool.Status().NotAfter
			<-time.After(time.Until(notAfter) - 300*time.Millisecond)
			if n := work.End(); n < 100 {
				t.Errorf("only %d operations", n)
			}
			if s := pool.Status(); s.State != rekey.StateDegraded || s.Version != lease.Version {
				t.Errorf("status is %+v", s)
			}
			if n := fake.Fetches() - fetches; n > 12 {
				t.Errorf("%d fetches in the slack of a lease of %v", n, life)
			}
		})
	}
	t.Run("fails, renews", func(t *testing.T) {
		t.Parallel()
		pool, fake, lease := leasedPool(t, life, sourcetest.Renews)
		fake.RenewFor(life)
		fake.FailNext(1_000_000, errors.New("cannot create roles"))
		work := loadtest.Start(t, pool, 4, nil)
		<-time.After(2 * life)
		work.End()
		if s := pool.Status(); s.Version != lease.Version || s.State == rekey.StateExpired {
			t.Errorf("status is %+v", s)
		}
		if len(fake.Renewals()) < 2 {
			t.Errorf("%d renewals in two lives", len(fake.Renewals()))
		}
	})
}

// leasedPool returns a pool on a lease, its scripted source, and the lease.
func leasedPool(t *testing.T, life time.Duration, abilities ...sourcetest.Ability) (*managedpool.Pool, *sourcetest.Fake, source.Credential) {
	t.Helper()
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lease := leased(login, life)
	lease.Version = "lease/" + login.User
	fake := sourcetest.New(lease, abilities...)
	pool, err := managedpool.New(t.Context(), issuer.DSN(login), fake.Source(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool, fake, lease
}

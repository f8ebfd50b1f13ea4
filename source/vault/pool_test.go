package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

// The tests of this file are pools under load, on a real Vault and a real PostgreSQL.

// TestLeaseGenerations: leases of four seconds, whose users are dropped, follow each other, and no query notices; at the
// end there is no lease and no user.
func TestLeaseGenerations(t *testing.T) {
	generations := loadtest.Either[uint64](6, 50)
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	role, src := s.role(t, testenv.VaultRoleOptions{TTL: 4 * time.Second})
	r := s.start(t, src, managedpool.Options{}, nil)
	r.generation(t, generations, time.Duration(generations)*4*time.Second)
	if n := s.users(t, role); n > 3 {
		t.Errorf("%d users at once", n)
	}
	r.end(t)
	r.shutdown(t)
	// What came too late for the pool is given back a quarter of a life later.
	envtest.Eventually(t, patience, func() bool { return len(s.leases(t, role)) == 0 && s.users(t, role) == 0 }, "no lease and no user")
	if n := len(loadtest.Find[rekey.RetiredEvent](r.diary)); uint64(n) < generations {
		t.Errorf("%d credentials given back, of %d", n, generations)
	}
}

// TestPreferRenew: one user for the whole of max_ttl, and then another.
func TestPreferRenew(t *testing.T) {
	t.Parallel()
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	// Vault rounds seconds up: a renewal up to a second after the last whole life before max_ttl began is told of a whole
	// one, and the next comes too late for a hand-over. That second is from 13 to 14 here, and renewals are due from 10.8 to
	// 12 and from 14.4 to 16.
	const ttl = 6 * time.Second
	role, src := s.role(t, testenv.VaultRoleOptions{TTL: ttl, MaxTTL: 19 * time.Second})
	r := s.startWaves(t, src, managedpool.Options{PreferRenew: true})
	first := r.pool.Status().Username
	<-time.After(2 * ttl)
	if now := r.pool.Status(); now.Username != first || s.users(t, role) != 1 {
		t.Errorf("after two lives it is %s, was %s; %d users", now.Username, first, s.users(t, role))
	}
	r.generation(t, 2, patience)
	renewals := loadtest.Find[rekey.RenewedEvent](r.diary)
	if len(renewals) < 3 || renewals[0].Fallback {
		t.Errorf("renewals: %+v", renewals)
	}
	await(t, r, patience, func(e rekey.DrainedEvent) bool { return e.Generation == 1 && e.Cancelled == 0 })
}

// TestOutages: Vault is away for nine tenths of the slack, in every way, and no query notices.
func TestOutages(t *testing.T) {
	t.Parallel()
	const ttl = 30 * time.Second
	for name, outage := range map[string]struct {
		begin, end func(*testing.T, *testenv.Vault)
	}{
		"stopped": {
			func(t *testing.T, v *testenv.Vault) { must(t, v.Pause()) },
			func(t *testing.T, v *testenv.Vault) { must(t, v.Resume()) },
		},
		"killed": {
			func(t *testing.T, v *testenv.Vault) { v.Kill() },
			func(t *testing.T, v *testenv.Vault) { must(t, v.Start(context.Background())) },
		},
		"sealed": {
			func(t *testing.T, v *testenv.Vault) { must(t, v.Seal(context.Background())) },
			func(t *testing.T, v *testenv.Vault) { must(t, v.Unseal(context.Background())) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, envtest.OwnVault(t), testenv.VaultTokenOptions{})
			_, src := s.role(t, testenv.VaultRoleOptions{TTL: ttl})
			r := s.startWaves(t, src, managedpool.Options{})
			due, notAfter := r.onCue(t, ttl)
			before := r.pool.Status().Generation
			outage.begin(t, s.server)
			<-time.After(time.Until(due.Add(slackOf(ttl) * 9 / 10)))
			if now := r.pool.Status(); now.Generation != before {
				t.Fatalf("a new credential while Vault was away: %+v", now)
			}
			outage.end(t, s.server)
			envtest.Eventually(t, time.Until(notAfter)+time.Second, func() bool { // another credential, or the same one renewed
				return r.pool.Status().ExpiresAt.After(notAfter.Add(ttl / 2))
			}, "a credential for the time after")
			if expired := loadtest.Find[rekey.ExpiredEvent](r.diary); len(expired) > 0 {
				t.Errorf("expired: %+v", expired)
			}
			r.end(t)
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLongOutage: Vault is away for longer than the lease: the error names the state and the cause, and it ends by itself.
func TestLongOutage(t *testing.T) {
	const ttl = 4 * time.Second
	s := newSite(t, envtest.OwnVault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{TTL: ttl})
	atItsEnd := func(err error) bool { // what was in use then is cut off
		var answer *pgconn.PgError
		return errors.Is(err, rekey.ErrCredentialExpired) || !errors.As(err, &answer)
	}
	r := s.start(t, src, managedpool.Options{MaxHold: time.Second}, atItsEnd)
	s.server.Kill()
	await(t, r, 3*ttl, func(rekey.ExpiredEvent) bool { return true })
	_, err := r.pool.Exec(t.Context(), "select 1")
	if !errors.Is(err, rekey.ErrCredentialExpired) || !strings.Contains(err.Error(), s.db.CredsPath("")) || !strings.Contains(err.Error(), s.server.Addr()) {
		t.Errorf("after the end: %v", err)
	}
	must(t, s.server.Start(context.Background()))
	r.generation(t, 2, patience)
	failed := r.load.Failed()
	done := r.load.Done()
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > done+500 }, "work goes on")
	if now := r.load.Failed(); now > failed+16 { // each caller's operation of the moment
		t.Errorf("%d failures after the recovery", now-failed)
	}
	r.end(t)
}

// TestCreatingFails: Vault cannot make users any more but still extends leases: the one in hand is extended, and no query
// notices.
func TestCreatingFails(t *testing.T) {
	t.Parallel()
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{
		TTL: 4 * time.Second, MaxTTL: time.Hour,
		// Without VALID UNTIL, which the engine may only change with CREATEROLE.
		Creation: []string{fmt.Sprintf(`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' IN ROLE %s_app`, s.db.Mount)},
		Renewal:  []string{"SELECT 1"},
	})
	r := s.startWaves(t, src, managedpool.Options{})
	must(t, s.issuer.Exec(t.Context(), "ALTER ROLE "+s.db.Engine+" NOCREATEROLE"))
	before := r.pool.Status().Generation
	await(t, r, patience, func(e rekey.RenewedEvent) bool { return e.Fallback })
	failures := loadtest.Find[rekey.RefreshFailedEvent](r.diary)
	if len(failures) == 0 || !strings.Contains(failures[0].Err.Error(), "create role") || failures[0].Err.Permanent {
		t.Errorf("events: %+v", failures)
	}
	<-time.After(6 * time.Second) // beyond the lease's first end
	if now := r.pool.Status(); now.Generation != before || now.State != rekey.StateDegraded {
		t.Errorf("%+v", now)
	}
	must(t, s.issuer.Exec(t.Context(), "ALTER ROLE "+s.db.Engine+" CREATEROLE"))
	r.generation(t, before+1, patience)
	r.end(t)
}

// revokedRole is what statements meet that a revocation finds in flight, or is found by.
func revokedRole(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code == "42501" || answer.Code == "42704" || answer.Code == "42P01" || answer.Code == "42883")
}

// TestRevokedEarly: an operator revokes the lease that is in use. One or two statements a connection notice; then the pool
// has another.
func TestRevokedEarly(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{})
	r := s.start(t, src, managedpool.Options{}, revokedRole)
	r.revokedAt(t, func() error { return s.server.Client().Sys().Revoke(r.pool.Status().Version) })
}

// TestRevokedAndKept: a revocation that leaves the role there, without login and without rights, is found, too.
func TestRevokedAndKept(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{Revocation: []string{
		fmt.Sprintf(`ALTER ROLE "{{name}}" NOLOGIN; REVOKE %s_app FROM "{{name}}"`, s.db.Mount),
	}})
	r := s.start(t, src, managedpool.Options{}, revokedRole)
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > 500 }, "load")
	must(t, s.server.Client().Sys().Revoke(r.pool.Status().Version))
	revoked := time.Now()
	r.generation(t, 2, patience)
	adopted := time.Since(revoked)
	await(t, r, patience, func(e rekey.DrainedEvent) bool { return e.Generation == 1 })
	failed := r.load.Failed()
	t.Logf("%d statements failed; the next credential was in use %v after the revocation, the last old connection gone after %v", failed, adopted, time.Since(revoked))
	done := r.load.Done()
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > done+500 }, "work goes on")
	if now := r.load.Failed(); now != failed {
		t.Errorf("%d failures after the hand-over", now-failed)
	}
	r.end(t)
}

// TestTokenRevoked: with the token, Vault revokes its leases, and the database users go with them. The source logs in anew.
func TestTokenRevoked(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{})
	r := s.start(t, src, managedpool.Options{}, revokedRole)
	r.revokedAt(t, s.revokeToken)
}

// TestTokenRevokedSessionsSpared: where revoking a lease ends new logins only, its token can be revoked without a query
// that notices: the next connect is refused, and held until there is another user.
func TestTokenRevokedSessionsSpared(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{Revocation: []string{`ALTER ROLE "{{name}}" NOLOGIN`}})
	r := s.start(t, src, managedpool.Options{}, nil)
	r.afterTokenRevoked(t, 2)
}

// TestTokenRevokedStatic: a static role's user belongs to no token.
func TestTokenRevokedStatic(t *testing.T) {
	t.Parallel()
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	role, err := s.db.StaticRole(t.Context(), 5*time.Second)
	must(t, err)
	src, err := s.login(t).Static(s.db.Mount, role.Name)
	must(t, err)
	r := s.startWaves(t, src, managedpool.Options{})
	r.afterTokenRevoked(t, 3)
}

// afterTokenRevoked revokes the token under load in which nothing may fail, and waits for a later login.
func (r *run) afterTokenRevoked(t *testing.T, generation uint64) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > 500 }, "load")
	must(t, r.revokeToken())
	r.pool.Reset() // everybody logs in anew
	r.generation(t, generation, patience)
	r.end(t)
}

// revokeToken revokes the token that the site's login has got.
func (s *site) revokeToken() error {
	accessors, err := s.server.Client().Logical().List("auth/token/accessors")
	if err != nil {
		return err
	}
	for _, accessor := range accessors.Data["keys"].([]any) {
		token, err := s.server.Client().Auth().Token().LookupAccessor(accessor.(string))
		if err != nil || !strings.Contains(token.Data["path"].(string), "approle") {
			continue
		}
		if strings.Contains(fmt.Sprint(token.Data["policies"]), s.policy) {
			return s.server.Client().Auth().Token().RevokeAccessor(accessor.(string))
		}
	}
	return errors.New("the token is not there")
}

// TestRateLimited: to whom asks too often, Vault says when to come again. A source does, and a pool whose Vault has next to
// nothing left for it loses no query.
func TestRateLimited(t *testing.T) {
	t.Parallel()
	const ttl, interval = 6 * time.Second, 2 * time.Second
	s := newSite(t, envtest.OwnVault(t), testenv.VaultTokenOptions{})
	_, src := s.role(t, testenv.VaultRoleOptions{TTL: ttl})
	r := s.startWaves(t, src, managedpool.Options{})
	must(t, s.server.Limit(t.Context(), s.db.Mount, 1, interval))
	others := s.server.Client()
	exhausted := func() bool {
		_, err := others.Logical().ReadWithContext(t.Context(), s.db.CredsPath("nobody"))
		var answer *api.ResponseError
		return errors.As(err, &answer) && answer.StatusCode == 429
	}
	envtest.Eventually(t, patience, exhausted, "a limit")
	asked := time.Now()
	var c source.Credential
	envtest.Eventually(t, patience, func() (ok bool) { // the pool asks as well, and may come first
		var err error
		c, err = src.Fetch(t.Context())
		return err == nil
	}, "a user in spite of the limit")
	t.Logf("made %v after it was asked for", time.Since(asked))
	must(t, src.Retire(t.Context(), c))
	for end := time.Now().Add(ttl); time.Now().Before(end); {
		exhausted()
		<-time.After(interval / 4)
	}
	r.generation(t, 2, patience)
	r.end(t)
}

// revokedAt takes the login in use away under load, and measures how that goes.
func (r *run) revokedAt(t *testing.T, revoke func() error) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > 500 }, "load")
	must(t, revoke())
	gone := time.Now()
	r.generation(t, 2, patience)
	adopted := time.Since(gone)
	found := loadtest.Find[rekey.LoginRefusedEvent](r.diary)
	if len(found) == 0 || !found[0].Revoked {
		t.Errorf("found by %+v", found)
	}
	await(t, r, patience, func(e rekey.DrainedEvent) bool { return e.Generation == 1 })
	failed := r.load.Failed()
	done := r.load.Done()
	envtest.Eventually(t, patience, func() bool { return r.load.Done() > done+500 }, "work goes on")
	if now := r.load.Failed(); now != failed {
		t.Errorf("%d failures after the hand-over", now-failed)
	}
	t.Logf("%d statements failed; the next credential was in use %v after the revocation", failed, adopted)
	if failed > 2*poolSize {
		t.Errorf("%d statements failed on %d connections", failed, poolSize)
	}
	r.end(t)
}

// TestTokensEnd: leases live no longer than the token that asked for them, and tokens follow each other unnoticed.
func TestTokensEnd(t *testing.T) {
	t.Parallel()
	const maxTTL = 10 * time.Second
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{TTL: 7 * time.Second, MaxTTL: maxTTL})
	_, src := s.role(t, testenv.VaultRoleOptions{})
	r := s.startWaves(t, src, managedpool.Options{})
	r.generation(t, 5, time.Minute)
	for _, e := range loadtest.Find[rekey.AdoptedEvent](r.diary) {
		if until := time.Until(e.ExpiresAt); until > maxTTL {
			t.Errorf("a lease ends in %v, long after its token", until)
		}
	}
	r.end(t)
}

// TestNewFails: each thing that can be wrong at the start has an error of its own.
func TestNewFails(t *testing.T) {
	t.Parallel()
	server := envtest.OwnVault(t)
	s := newSite(t, server, testenv.VaultTokenOptions{})
	role, good := s.role(t, testenv.VaultRoleOptions{})
	login := s.login(t)
	wrong, err := login.Dynamic(s.db.Mount, "nobody", nil)
	must(t, err)
	denied, err := login.Dynamic("elsewhere", role, nil)
	must(t, err)
	open := func(src source.Source, within time.Duration) (time.Duration, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		began := time.Now()
		pool, err := managedpool.New(ctx, s.issuer.Database().DSN("nobody", ""), src, nil)
		if err == nil {
			pool.Close()
		}
		return time.Since(began), err
	}
	check := func(name string, src source.Source, soon bool, want ...string) {
		t.Helper()
		took, err := open(src, 3*time.Second)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		for _, w := range append(want, "vault: ", server.Addr()) {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v\nlacks %q", name, err, w)
			}
		}
		if soon && took > 2*time.Second || took > 9*time.Second {
			t.Errorf("%s: after %v", name, took)
		}
	}
	check("a wrong role", wrong, true, s.db.CredsPath("nobody"), "unknown role")
	check("a denied path", denied, true, "elsewhere/creds/"+role, "403 Forbidden", "policy")
	must(t, server.Seal(t.Context()))
	check("sealed", good, false, "503", "sealed")
	must(t, server.Unseal(t.Context()))
	if _, err := open(good, patience); err != nil {
		t.Error(err)
	}
	fresh := s.login(t)
	src, err := fresh.Dynamic(s.db.Mount, role, nil)
	must(t, err)
	server.Kill()
	check("down", src, false, "refused")
	check("down, logged in", good, false, s.db.CredsPath(role), "refused")
	must(t, server.Start(context.Background())) // for those who close
}

// TestStaticRotations: a password that Vault changes every few seconds, while new connections are made all the time.
func TestStaticRotations(t *testing.T) {
	t.Parallel()
	rotations := loadtest.Either(3, 20)
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	role, err := s.db.StaticRole(t.Context(), 5*time.Second)
	must(t, err)
	src, err := s.login(t).Static(s.db.Mount, role.Name)
	must(t, err)
	r := s.startWaves(t, src, managedpool.Options{})
	stop := time.After(time.Duration(rotations) * 8 * time.Second)
	for looking := true; looking; {
		select {
		case <-stop:
			looking = false
		case <-time.After(50 * time.Millisecond):
			r.pool.Reset() // everybody logs in anew, with the password of the moment
		}
	}
	if n := len(loadtest.Find[rekey.AdoptedEvent](r.diary)); n < rotations {
		t.Errorf("%d passwords were adopted", n)
	}
	r.end(t)
}

// TestNothingIsPrinted: whatever prints the parts of a login shows no secret.
func TestNothingIsPrinted(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	login := s.login(t)
	role, err := s.db.DynamicRole(t.Context(), nil)
	must(t, err)
	src, err := login.Dynamic(s.db.Mount, role, nil)
	must(t, err)
	c := fetch(t, src)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, value := range []any{login, src, c, vault.LoginOptions{}} {
			text := fmt.Sprintf(format, value)
			if strings.Contains(text, c.Password.Reveal()) || strings.Contains(text, "hvs.") || strings.Contains(text, fmt.Sprintf("%x", "hvs.")) {
				t.Errorf("%s of %T shows a secret", format, value)
			}
		}
	}
	must(t, src.Retire(t.Context(), c))
}

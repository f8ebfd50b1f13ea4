package vault_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

// hangs makes logins hang for an hour.
func (f *fake) hangs() { f.on(logIn, always(answer{after: time.Hour, status: 200})) }

// TestHungAuth: while the auth method hangs, a token is used to its end, by everybody who shares the login.
func TestHungAuth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		f.static(func() (string, string, int) { return "p", "then", 30 })
		f.on(revokeSelf, always(answer{status: 204}))
		login := newLogin(t, f, f.logsIn(10*time.Minute, false), nil)
		leases := dynamic(t, login, nil)
		static, err := login.Static("database", "app")
		must(t, err)
		fetch(t, leases)
		f.hangs()
		time.Sleep(6 * time.Minute) // four minutes are left
		done := make(chan error, 1)
		go func() { _, err := static.Fetch(context.Background()); done <- err }() // who has all the time in the world
		synctest.Wait()
		for range 4 {
			for _, src := range []source.Source{leases, static} {
				began := time.Now()
				if _, err := fetchWithin(t, src, 10*time.Second); err != nil || time.Since(began) > 4*time.Second {
					t.Errorf("after %v: %v", time.Since(began), err)
				}
			}
			time.Sleep(30 * time.Second)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if users := f.count(readCreds); users != 5 || f.count(logIn) > 10 {
			t.Errorf("%d users and %d logins for five leases", users, f.count(logIn))
		}
		must(t, login.Close())
	})
}

// TestHungFirstLogin: without a token everybody waits for one login, until his own context ends, and is told what for.
func TestHungFirstLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.logsIn(time.Hour, true)
		f.hangs()
		src := dynamic(t, newLogin(t, f, testAuth{}, nil), nil)
		go src.Fetch(context.Background())
		synctest.Wait()
		began := time.Now()
		_, err := fetchWithin(t, src, time.Second)
		var known *vault.Error
		if time.Since(began) != time.Second || !errors.As(err, &known) || known.Op != "log in" || !errors.Is(err, context.DeadlineExceeded) || source.IsPermanent(err) {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if f.count(logIn) != 1 || f.count(readCreds) != 0 {
			t.Errorf("%d logins, %d users", f.count(logIn), f.count(readCreds))
		}
		time.Sleep(time.Minute) // the login has a limit
	})
}

// TestLateLogin: a login that comes too late for its caller is the next one's.
func TestLateLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		auth := f.logsIn(time.Hour, true)
		give := f.answers[logIn]
		f.on(logIn, func(r request) answer { a := give(r); a.after = 2 * time.Second; return a })
		src := dynamic(t, newLogin(t, f, auth, nil), nil)
		for range 2 {
			if _, err := fetchWithin(t, src, 900*time.Millisecond); err == nil {
				t.Fatal("there is no token yet")
			}
		}
		fetch(t, src)
		if n := f.count(logIn); n != 1 {
			t.Errorf("%d logins", n)
		}
	})
}

// TestLoginDuringClose: a token that comes while the login is being closed is revoked.
func TestLoginDuringClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		auth := f.logsIn(time.Hour, true)
		give := f.answers[logIn]
		f.on(logIn, func(r request) answer { a := give(r); a.after = time.Second; return a })
		f.on(revokeSelf, always(answer{status: 204}))
		login := newLogin(t, f, auth, nil)
		src := dynamic(t, login, nil)
		done := make(chan error, 1)
		go func() { _, err := src.Fetch(context.Background()); done <- err }()
		synctest.Wait()
		must(t, login.Close())
		if err := <-done; !errors.Is(err, vault.ErrClosed) || !source.IsPermanent(err) {
			t.Error(err)
		}
		if f.count(logIn) != 1 || f.count(revokeSelf) != 1 || f.count(readCreds) != 0 {
			t.Errorf("%d logins, %d revoked, %d users", f.count(logIn), f.count(revokeSelf), f.count(readCreds))
		}
	})
}

// TestCloseWithHungToken: one token that cannot be revoked does not keep the others.
func TestCloseWithHungToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		login := newLogin(t, f, f.logsIn(10*time.Minute, false), nil)
		src := dynamic(t, login, nil)
		fetch(t, src)
		time.Sleep(6 * time.Minute)
		fetch(t, src)
		revoked := make(chan string, 2)
		f.on(revokeSelf, func(r request) answer {
			if r.token == "hvs.planted-token-1" {
				return answer{after: time.Hour, status: 204}
			}
			revoked <- r.token
			return answer{status: 204}
		})
		began := time.Now()
		if err := login.Close(); err == nil || strings.Contains(err.Error(), "planted") || time.Since(began) > 5*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if token := <-revoked; token != "hvs.planted-token-2" {
			t.Error("the second token was not revoked")
		}
	})
}

// TestLookupDenied: a policy may forbid tokens to look themselves up. Then a denied path is no reason to log in each time, and
// no token is left behind.
func TestLookupDenied(t *testing.T) {
	f := newFake()
	f.on(readCreds, denied)
	f.on(lookUp, denied)
	f.on(revokeSelf, always(answer{status: 204}))
	login := newLogin(t, f, f.logsIn(time.Hour, true), nil)
	src := dynamic(t, login, nil)
	for range 5 {
		if _, err := src.Fetch(t.Context()); !source.IsPermanent(err) {
			t.Error(err)
		}
	}
	must(t, login.Close())
	if f.count(logIn) != 2 || f.count(revokeSelf) != 2 {
		t.Errorf("%d logins, %d tokens revoked", f.count(logIn), f.count(revokeSelf))
	}
}

// TestAddressWithPassword: one that is for a proxy in front of Vault is in no text.
func TestAddressWithPassword(t *testing.T) {
	f := newFake()
	config := api.DefaultConfig()
	config.Address = "http://proxy:planted-proxy-password@vault.test:8200"
	config.HttpClient = &http.Client{Transport: f}
	client, err := api.NewClient(config)
	must(t, err)
	client.ClearToken()
	login, err := vault.NewLogin(client, f.logsIn(time.Hour, true), nil)
	must(t, err)
	for _, answer := range []answer{denied(request{}), {err: errNetwork}, {status: 200, body: map[string]any{}}} {
		f.on(readCreds, always(answer))
		_, err = dynamic(t, login, nil).Fetch(t.Context())
		if err == nil || strings.Contains(err.Error(), "planted") || !strings.Contains(err.Error(), "vault.test:8200") {
			t.Error(err)
		}
	}
}

// TestLimitCountsUsers: attempts that never came to ask for a user do not count against the limit.
func TestLimitCountsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		auth := f.logsIn(time.Hour, true)
		up := f.answers[logIn]
		f.on(logIn, always(answer{err: errNetwork}))
		src := dynamic(t, newLogin(t, f, auth, nil), &vault.DynamicOptions{Burst: 1})
		for range 10 {
			if _, err := src.Fetch(t.Context()); err == nil {
				t.Fatal("logged in")
			}
		}
		f.on(logIn, up)
		fetch(t, src)
		if _, err := src.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "the next may be in 6s") {
			t.Errorf("the second of a burst of one: %v", err)
		}
	})
}

// TestIncrement: it counts from the renewal, and never shortens a lease.
func TestIncrement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		f.on(renewLease, func(r request) answer {
			return answer{status: 200, body: map[string]any{"lease_duration": int(r.body["increment"].(float64))}}
		})
		for increment, want := range map[time.Duration]time.Duration{
			0:                time.Hour,
			10 * time.Minute: 55 * time.Minute,
			2 * time.Hour:    2 * time.Hour,
		} {
			src := dynamic(t, newLogin(t, f, f.logsIn(24*time.Hour, true), nil), &vault.DynamicOptions{Increment: increment})
			c := fetch(t, src)
			time.Sleep(5 * time.Minute)
			r, err := src.Renew(t.Context(), c)
			if left := time.Until(r.ExpiresAt); err != nil || left != want || !r.RefreshAfter.IsZero() {
				t.Errorf("increment %v: it lives for %v, want %v, %v", increment, left, want, err)
			}
		}
		login := newLogin(t, f, testAuth{}, nil)
		for _, bad := range []time.Duration{-time.Second, time.Millisecond, 1500 * time.Millisecond} {
			if _, err := login.Dynamic("database", "app", &vault.DynamicOptions{Increment: bad}); err == nil {
				t.Errorf("%v is accepted", bad)
			}
		}
	})
}

// TestSlowTokenRenewal: how long a renewal took says nothing about what it has brought.
func TestSlowTokenRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		login := newLogin(t, f, f.logsIn(time.Minute, true), nil)
		f.on(renewToken, always(answer{after: 12 * time.Second, status: 200, body: map[string]any{
			"auth": map[string]any{"client_token": "same", "lease_duration": 60, "renewable": true}}}))
		src := dynamic(t, login, nil)
		fetch(t, src)
		for range 10 {
			time.Sleep(31 * time.Second)
			fetch(t, src)
		}
		if f.count(logIn) != 1 {
			t.Errorf("%d logins, though the token can be renewed", f.count(logIn))
		}
		f.on(revokeSelf, always(answer{status: 204}))
		must(t, login.Close())
	})
}

// TestUnknownLease: a lease of another process is extended, and nothing is made up about it.
func TestUnknownLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Minute)
		f.renews(renewLease, func() time.Duration { return 10 * time.Second })
		src := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil)
		c := fetch(t, src)
		c.Version = "database/creds/app/other"
		if r, err := src.Renew(t.Context(), c); err != nil || time.Until(r.ExpiresAt) != 10*time.Second {
			t.Errorf("%v, %v", time.Until(r.ExpiresAt), err)
		}
		if f.last(renewLease).body["increment"] != 0.0 {
			t.Errorf("asked for %v", f.last(renewLease).body)
		}
	})
}

// TestCallersLookupFails: the caller's token is used though nobody can say for how long.
func TestCallersLookupFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		f.on(lookUp, always(answer{status: 200, body: map[string]any{"data": map[string]any{"ttl": 600}}}))
		client := f.client(t)
		client.SetToken("one")
		login, err := vault.NewLogin(client, nil, nil)
		must(t, err)
		src := dynamic(t, login, nil)
		fetch(t, src)
		f.on(lookUp, always(answer{status: 500, body: refusal("no")}))
		time.Sleep(6 * time.Minute)
		fetch(t, src)
	})
}

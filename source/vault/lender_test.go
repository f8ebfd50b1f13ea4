package vault_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

const revokeLease = "PUT sys/leases/revoke"

// fetchWithin asks with a deadline.
func fetchWithin(t *testing.T, src source.Source, limit time.Duration) (source.Credential, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return src.Fetch(ctx)
}

// TestLateLease: what comes too late for one caller is there for the next, who need not ask for another user.
func TestLateLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.slowLeases(time.Hour, 2*time.Second)
		f.on(revokeSelf, always(answer{status: 204}))
		login := newLogin(t, f, f.logsIn(2*time.Hour, true), nil)
		src := dynamic(t, login, nil)
		began := time.Now()
		_, err := fetchWithin(t, src, time.Second)
		if time.Since(began) != time.Second || !errors.Is(err, context.DeadlineExceeded) || source.IsPermanent(err) {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		// It comes while the next one has asked for another already.
		c, err := fetchWithin(t, src, 3*time.Second)
		if err != nil || c.Version != "database/creds/app/1" || time.Since(began) != 2*time.Second {
			t.Fatalf("after %v: %+v, %v", time.Since(began), c, err)
		}
		if !c.ExpiresAt.Equal(began.Add(time.Hour)) || !c.IssuedAt.Equal(began) {
			t.Errorf("made %v after the request, ends %v after it", c.IssuedAt.Sub(began), c.ExpiresAt.Sub(began))
		}
		// Now it is the second user that comes too late, and waits for whoever comes next.
		time.Sleep(5 * time.Second)
		if c, err = fetchWithin(t, src, time.Second); err != nil || c.Version != "database/creds/app/2" {
			t.Errorf("%+v, %v", c, err)
		}
		if n := f.count(readCreds); n != 2 {
			t.Errorf("%d users for two credentials", n)
		}
		// Both are known like any other: their renewals are counted from their own token.
		f.renews(renewLease, func() time.Duration { return time.Hour })
		if r, err := src.Renew(t.Context(), c); err != nil || !r.RefreshAfter.IsZero() {
			t.Errorf("%+v, %v", r, err)
		}
		must(t, login.Close())
	})
}

// TestLateLeaseForNobody: it is given back after a while, or when the login is closed, whichever comes first.
func TestLateLeaseForNobody(t *testing.T) {
	for name, tt := range map[string]struct {
		life, wait time.Duration // until it must be gone
		closes     bool
	}{
		"a long lease":  {time.Hour, 10*time.Second + 1, false},
		"a short lease": {6 * time.Second, time.Second + 1, false}, // that is when half of it is over
		"closed":        {time.Hour, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.slowLeases(tt.life, 2*time.Second)
				f.on(revokeLease, always(answer{status: 204}))
				f.on(revokeSelf, always(answer{status: 204}))
				login := newLogin(t, f, f.logsIn(2*time.Hour, true), nil)
				src := dynamic(t, login, nil)
				fetchWithin(t, src, time.Second)
				time.Sleep(time.Second) // it comes
				if n := f.count(revokeLease); n != 0 {
					t.Error("revoked at once")
				}
				if tt.closes {
					if err := login.Close(); err != nil {
						t.Error(err)
					}
				}
				time.Sleep(tt.wait)
				synctest.Wait()
				if n := f.count(revokeLease); n != 1 || f.last(revokeLease).body["lease_id"] != "database/creds/app/1" {
					t.Errorf("%d revoked", n)
				}
				if tt.closes && f.last(revokeSelf).at.Before(f.last(revokeLease).at) {
					t.Error("the token went first")
				}
				login.Close()
			})
		})
	}
}

// TestHungRequest: a request that nobody waits for ends by itself, and closing the login does not wait for it for long.
// What has become of it is told to the logger.
func TestHungRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		closes bool
		after  time.Duration
	}{
		"left alone": {false, 15 * time.Second},
		"closed":     {true, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.slowLeases(time.Hour, time.Hour)
				f.on(revokeSelf, always(answer{status: 204}))
				var log bytes.Buffer
				login := newLogin(t, f, f.logsIn(2*time.Hour, true), &vault.LoginOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				src := dynamic(t, login, nil)
				fetchWithin(t, src, time.Second)
				began := time.Now()
				if f.wasCutOff(readCreds) {
					t.Error("cut off with its caller")
				}
				if tt.closes {
					if err := login.Close(); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took != tt.after {
						t.Errorf("closing took %v", took)
					}
				}
				time.Sleep(time.Until(began.Add(tt.after)))
				synctest.Wait()
				if cut := f.wasCutOff(readCreds); !cut || !strings.Contains(log.String(), "nobody waited for") {
					t.Errorf("cut off: %v; logged: %s", cut, &log)
				}
				if _, err := src.Fetch(t.Context()); tt.closes && !errors.Is(err, vault.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
				login.Close()
			})
		})
	}
}

// TestTokenStretches: a token that would end before a lease is renewed first, so that the lease need not be shorter. One
// that is at its max_ttl is not asked again and again.
func TestTokenStretches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Minute)
		granted := 80 * time.Second
		f.renews(renewToken, func() time.Duration { return granted })
		f.renews(renewLease, func() time.Duration { return time.Minute })
		src := dynamic(t, newLogin(t, f, f.logsIn(80*time.Second, true), nil), nil)
		c := fetch(t, src)
		for range 10 {
			time.Sleep(38 * time.Second) // more than half of the token's life is left, and less than the lease's
			r, err := src.Renew(t.Context(), c)
			if err != nil || !r.RefreshAfter.IsZero() || !r.ExpiresAt.Equal(time.Now().Add(time.Minute)) {
				t.Fatalf("%+v, %v", r, err)
			}
			c = r
		}
		if n := f.count(renewToken); n != 10 || f.count(logIn) != 1 {
			t.Errorf("%d renewals of the token, %d logins", n, f.count(logIn))
		}
		granted = 50 * time.Second // at its max_ttl
		time.Sleep(38 * time.Second)
		for range 3 {
			if _, err := src.Renew(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		if n := f.count(renewToken); n != 11 || f.count(logIn) != 1 {
			t.Errorf("%d renewals of the token, %d logins", n, f.count(logIn))
		}
	})
}

// TestToldToComeTooLate: whoever has less time than Vault asks for gets Vault's words at once.
func TestToldToComeTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.on(readCreds, always(answer{status: 429, header: http.Header{"Retry-After": {"7"}}, body: refusal("quota")}))
		src := dynamic(t, newLogin(t, f, f.logsIn(2*time.Hour, true), nil), nil)
		began := time.Now()
		_, err := fetchWithin(t, src, 5*time.Second)
		if err == nil || !strings.Contains(err.Error(), "429 Too Many Requests: quota") || time.Since(began) > 0 {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if _, err := fetchWithin(t, src, 10*time.Second); err == nil || time.Since(began) != 7*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestEndedContextMakesNoUser: nothing is begun for whoever has gone already.
func TestEndedContextMakesNoUser(t *testing.T) {
	f := newFake()
	f.leases(time.Hour)
	src := dynamic(t, newLogin(t, f, f.logsIn(2*time.Hour, true), nil), nil)
	fetch(t, src)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := src.Fetch(ctx); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if n := f.count(readCreds); n != 1 {
		t.Errorf("%d users", n)
	}
}

// TestLeaseOfNoUse: a lease that nobody can use is given back.
func TestLeaseOfNoUse(t *testing.T) {
	for name, body := range map[string]map[string]any{
		"no duration": {"lease_id": "database/creds/app/1", "lease_duration": 0, "data": map[string]any{"username": "u", "password": "planted"}},
		"no password": {"lease_id": "database/creds/app/1", "lease_duration": 60, "data": map[string]any{"username": "u"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			f.on(readCreds, always(answer{status: 200, body: body}))
			f.on(revokeLease, always(answer{status: 204}))
			_, err := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil).Fetch(t.Context())
			if !source.IsPermanent(err) || f.count(revokeLease) != 1 || strings.Contains(err.Error(), "VAULT_ADDR") {
				t.Errorf("%d revoked; %v", f.count(revokeLease), err)
			}
		})
	}
}

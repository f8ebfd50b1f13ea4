package vault_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/kubernetes"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

// testAuth logs in at the fake.
type testAuth struct{}

func (testAuth) Login(ctx context.Context, client *api.Client) (*api.Secret, error) {
	return client.Logical().WriteWithContext(ctx, "auth/test/login", map[string]any{})
}

const (
	readCreds  = "GET database/creds/app"
	logIn      = "PUT auth/test/login"
	renewToken = "PUT auth/token/renew-self"
	lookUp     = "GET auth/token/lookup-self"
	revokeSelf = "PUT auth/token/revoke-self"
)

func fetch(t testing.TB, src source.Source) source.Credential {
	t.Helper()
	c, err := src.Fetch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestTokenIsKeptYoung: it is renewed when half of its life is over, and replaced when that does not help.
func TestTokenIsKeptYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		granted := 10 * time.Minute
		f.renews(renewToken, func() time.Duration { return granted })
		f.on(revokeSelf, always(answer{status: 204}))
		login := newLogin(t, f, f.logsIn(10*time.Minute, true), nil)
		src := dynamic(t, login, nil)

		if c := fetch(t, src); !c.ExpiresAt.Equal(time.Now().Add(10 * time.Minute)) {
			t.Errorf("a lease of an hour, asked for with a token of ten minutes, ends in %v", time.Until(c.ExpiresAt))
		}
		time.Sleep(30 * time.Second)
		fetch(t, src)
		if n := f.count(renewToken); n != 0 {
			t.Errorf("%d renewals of a young token", n)
		}
		time.Sleep(5 * time.Minute)
		if c := fetch(t, src); f.count(renewToken) != 1 || f.count(logIn) != 1 || !c.ExpiresAt.Equal(time.Now().Add(10*time.Minute)) {
			t.Errorf("%d renewals, %d logins, the lease ends in %v", f.count(renewToken), f.count(logIn), time.Until(c.ExpiresAt))
		}
		granted = 3 * time.Minute // its max_ttl is near
		time.Sleep(6 * time.Minute)
		if c := fetch(t, src); f.count(logIn) != 2 || !c.ExpiresAt.Equal(time.Now().Add(10*time.Minute)) {
			t.Errorf("%d logins, the lease ends in %v", f.count(logIn), time.Until(c.ExpiresAt))
		}
		if token := f.last(readCreds).token; token != "hvs.planted-token-2" {
			t.Error("the new token is not used")
		}
		if err := login.Close(); err != nil || f.count(revokeSelf) != 2 {
			t.Errorf("closing: %v, %d of 2 tokens revoked", err, f.count(revokeSelf))
		}
		if _, err := src.Fetch(t.Context()); !errors.Is(err, vault.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// TestTokenThatStillWorks: while the auth method is out of order, a token is used to its end.
func TestTokenThatStillWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		f.on(renewToken, always(answer{status: 500, body: refusal("no")}))
		var log bytes.Buffer
		login := newLogin(t, f, f.logsIn(10*time.Minute, true), &vault.LoginOptions{KeepToken: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		src := dynamic(t, login, nil)
		fetch(t, src)
		f.on(logIn, always(answer{status: 503, body: refusal("Vault is sealed")}))
		time.Sleep(9 * time.Minute)
		fetch(t, src)
		if text := log.String(); !strings.Contains(text, "still works") || strings.Contains(text, "planted") {
			t.Errorf("logged: %s", text)
		}
		time.Sleep(2 * time.Minute)
		_, err := src.Fetch(t.Context())
		if err == nil || source.IsPermanent(err) || !strings.Contains(err.Error(), "log in at http://vault.test:8200: 503") {
			t.Errorf("after its end: %v", err)
		}
		if err := login.Close(); err != nil || f.count(revokeSelf) != 0 {
			t.Errorf("closing: %v; KeepToken, and %d revoked", err, f.count(revokeSelf))
		}
	})
}

// TestTokenTakenAway: a token that was revoked is replaced within the same call; one that is only denied a path is not.
func TestTokenTakenAway(t *testing.T) {
	f := newFake()
	f.leases(time.Hour)
	revoked := map[string]bool{}
	guard := func(next func(request) answer) func(request) answer {
		return func(r request) answer {
			if revoked[r.token] {
				return denied(r)
			}
			return next(r)
		}
	}
	give := f.answers[readCreds]
	f.on(readCreds, guard(give))
	f.on(lookUp, guard(always(answer{status: 200, body: map[string]any{"data": map[string]any{"ttl": 60}}})))
	login := newLogin(t, f, f.logsIn(time.Hour, true), nil)
	src := dynamic(t, login, nil)
	fetch(t, src)
	revoked["hvs.planted-token-1"] = true
	fetch(t, src)
	if n := f.count(logIn); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
	f.on(readCreds, denied)
	_, err := src.Fetch(t.Context())
	if n := f.count(logIn); n != 2 || !source.IsPermanent(err) || !strings.Contains(err.Error(), "policy must allow to read") {
		t.Errorf("%d logins; %v", n, err)
	}
}

// TestCallersToken: it is the one that is set on the client now, and leases end with it.
func TestCallersToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Hour)
		f.on(lookUp, func(r request) answer {
			return answer{status: 200, body: map[string]any{"data": map[string]any{"ttl": map[string]int{"one": 300, "two": 600}[r.token]}}}
		})
		client := f.client(t)
		login, err := vault.NewLogin(client, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		src := dynamic(t, login, nil)
		_, err = src.Fetch(t.Context())
		if !source.IsPermanent(err) || !strings.Contains(err.Error(), "VAULT_TOKEN") {
			t.Errorf("without a token: %v", err)
		}
		client.SetToken("one")
		if c := fetch(t, src); !c.ExpiresAt.Equal(time.Now().Add(5 * time.Minute)) {
			t.Errorf("ends in %v", time.Until(c.ExpiresAt))
		}
		client.SetToken("two")
		if c := fetch(t, src); !c.ExpiresAt.Equal(time.Now().Add(10*time.Minute)) || f.last(readCreds).token != "two" {
			t.Errorf("ends in %v, asked for with another token than the one that is set", time.Until(c.ExpiresAt))
		}
		f.on(lookUp, denied) // by a policy
		client.SetToken("three")
		if c := fetch(t, src); !c.ExpiresAt.Equal(time.Now().Add(time.Hour)) {
			t.Errorf("a token of unknown life: ends in %v", time.Until(c.ExpiresAt))
		}
		if err := login.Close(); err != nil || f.count(revokeSelf) != 0 {
			t.Errorf("closing: %v; %d of the caller's tokens revoked", err, f.count(revokeSelf))
		}
	})
}

// TestComesAgainWhenTold: and only then, because a request that failed may have made a user.
func TestComesAgainWhenTold(t *testing.T) {
	for name, tt := range map[string]struct {
		first answer
		asked int
		least time.Duration
	}{
		"behind another node": {answer{status: 412, body: refusal("required index state not present")}, 2, 0},
		"too many requests":   {answer{status: 429, header: http.Header{"Retry-After": {"7"}}, body: refusal("quota")}, 2, 7 * time.Second},
		"too many, no time":   {answer{status: 429, body: refusal("quota")}, 1, 0},
		"maintenance":         {answer{status: 503, header: http.Header{"Retry-After": {"3"}}, body: refusal("sealed")}, 2, 3 * time.Second},
		"sealed":              {answer{status: 503, body: refusal("sealed")}, 1, 0},
		"failed":              {answer{status: 500, body: refusal("could not create user")}, 1, 0},
		"no network":          {answer{err: errNetwork}, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.leases(time.Minute)
				good, n := f.answers[readCreds], 0
				f.on(readCreds, func(r request) answer {
					if n++; n == 1 {
						return tt.first
					}
					return good(r)
				})
				began := time.Now()
				_, err := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil).Fetch(t.Context())
				if (err == nil) != (tt.asked > 1) || f.count(readCreds) != tt.asked || time.Since(began) < tt.least {
					t.Errorf("asked %d times within %v, want %d: %v", f.count(readCreds), time.Since(began), tt.asked, err)
				}
				if source.IsPermanent(err) {
					t.Errorf("permanent: %v", err)
				}
			})
		})
	}
}

// TestKubernetesReadsItsTokenAnew: the file that Kubernetes replaces is read for each login.
func TestKubernetesReadsItsTokenAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	synctest.Test(t, func(t *testing.T) { readsAnew(t, path) })
}

func readsAnew(t *testing.T, path string) {
	f := newFake()
	f.leases(time.Minute)
	var seen []any
	f.on("PUT auth/kubernetes/login", func(r request) answer {
		seen = append(seen, r.body["jwt"])
		return answer{status: 200, body: map[string]any{"auth": map[string]any{"client_token": "hvs.t", "lease_duration": 1}}}
	})
	login := newLogin(t, f, vault.Kubernetes("app", kubernetes.WithServiceAccountTokenPath(path)), nil)
	src := dynamic(t, login, nil)
	if _, err := src.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("without a file: %v", err)
	}
	for _, jwt := range []string{"first", "second"} {
		if err := os.WriteFile(path, []byte(jwt), 0o600); err != nil {
			t.Fatal(err)
		}
		fetch(t, src)
		time.Sleep(time.Second) // the token has ended
	}
	if len(seen) != 2 || seen[0] != "first" || seen[1] != "second" {
		t.Errorf("logged in with %v", seen)
	}
}

func TestNewLoginRefuses(t *testing.T) {
	if _, err := vault.NewLogin(nil, nil, nil); err == nil || !strings.Contains(err.Error(), "client is nil") {
		t.Error(err)
	}
	f := newFake()
	f.on(logIn, always(answer{status: 200, body: map[string]any{"auth": map[string]any{"mfa_requirement": map[string]any{"mfa_request_id": "x"}}}}))
	_, err := dynamic(t, newLogin(t, f, testAuth{}, nil), nil).Fetch(t.Context())
	if !source.IsPermanent(err) || !strings.Contains(err.Error(), "second factor") {
		t.Errorf("MFA: %v", err)
	}
}

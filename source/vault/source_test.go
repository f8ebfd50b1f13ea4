package vault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

const renewLease = "PUT sys/leases/renew"

// TestErrors: each says what was asked where, what Vault said, and whether trying again may help.
func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		answer    answer
		permanent bool
		want      []string
	}{
		"unknown role": {answer{status: 400, body: refusal("unknown role: app")}, true, []string{"400 Bad Request: unknown role: app"}},
		"denied":       {denied(request{}), true, []string{"403 Forbidden: permission denied", "policy must allow to read"}},
		"no engine":    {answer{status: 404, body: refusal("no handler for route")}, true, []string{"404 Not Found: no handler", "mounted"}},
		"failed":       {answer{status: 500, body: refusal("1 error occurred:\n\t* permission denied to create role\n\n")}, false, []string{"500 Internal Server Error: 1 error occurred: * permission denied to create role"}},
		"sealed":       {answer{status: 503, body: refusal("Vault is sealed")}, false, []string{"503 Service Unavailable: Vault is sealed", "no active node"}},
		"no network":   {answer{err: errNetwork}, false, []string{"connection refused", "VAULT_ADDR"}},
		"a page":       {answer{status: 502, body: strings.Repeat("<html>", 1000)}, false, []string{"502 Bad Gateway", "…"}},
		"not Vault":    {answer{status: 200}, false, []string{"not Vault's"}},
		"no lease":     {answer{status: 200, body: map[string]any{"data": map[string]any{"username": "u", "password": "planted"}}}, true, []string{"has no lease"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			login := newLogin(t, f, f.logsIn(time.Hour, true), nil)
			f.on(lookUp, always(answer{status: 200, body: map[string]any{"data": map[string]any{}}}))
			f.on(readCreds, always(tt.answer))
			_, err := dynamic(t, login, nil).Fetch(t.Context())
			if err == nil || source.IsPermanent(err) != tt.permanent {
				t.Fatalf("permanent is %v: %v", source.IsPermanent(err), err)
			}
			var known *vault.Error
			if !errors.As(err, &known) || known.Path != "database/creds/app" || known.Status != tt.answer.status && tt.answer.status != 200 {
				t.Errorf("%#v", known)
			}
			for _, want := range append(tt.want, "vault: read database/creds/app at http://vault.test:8200") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
			if strings.ContainsAny(err.Error(), "\n\t") || strings.Contains(err.Error(), "planted") || len(err.Error()) > 800 {
				t.Errorf("%q", err)
			}
		})
	}
}

// TestRenewalCutShort: a lease that Vault extends by much less than was asked for says that it is time for another.
func TestRenewalCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Minute)
		grant := time.Minute
		f.renews(renewLease, func() time.Duration { return grant })
		f.renews(renewToken, func() time.Duration { return time.Hour })
		src := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil)
		c := fetch(t, src)
		time.Sleep(40 * time.Second)
		r, err := src.Renew(t.Context(), c)
		if err != nil || r.Version != c.Version || !r.ExpiresAt.Equal(time.Now().Add(time.Minute)) || !r.RefreshAfter.IsZero() {
			t.Errorf("renewed: %+v, %v", r, err)
		}
		if got := f.last(renewLease).body["increment"]; got != 60.0 {
			t.Errorf("asked for %v seconds", got)
		}
		grant = 40 * time.Second
		time.Sleep(40 * time.Second)
		r, err = src.Renew(t.Context(), r)
		if err != nil || !r.ExpiresAt.Equal(time.Now().Add(39*time.Second)) || r.RefreshAfter.After(time.Now()) || r.RefreshAfter.IsZero() {
			t.Errorf("cut short: %+v, %v", r, err)
		}
	})
}

// TestRenewalEndsWithTheToken: a lease that was asked for with one token is not extended beyond its end, whichever token
// is in use now.
func TestRenewalEndsWithTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.leases(time.Minute)
		f.renews(renewLease, func() time.Duration { return time.Minute })
		src := dynamic(t, newLogin(t, f, f.logsIn(90*time.Second, false), nil), nil)
		c := fetch(t, src)
		end := time.Now().Add(90 * time.Second)
		time.Sleep(55 * time.Second)
		r, err := src.Renew(t.Context(), c)
		if err != nil || !r.ExpiresAt.Equal(end) || r.RefreshAfter.IsZero() || f.count(logIn) != 2 {
			t.Errorf("ends %v before the first token, logins %d: %v", end.Sub(r.ExpiresAt), f.count(logIn), err)
		}
	})
}

// TestUsersAreLimited: however often it is asked, and whatever comes of it.
func TestUsersAreLimited(t *testing.T) {
	for name, tt := range map[string]struct {
		life time.Duration
		most int // in a minute
	}{
		"long leases":  {time.Hour, 10 + 10},
		"short leases": {4 * time.Second, 10 + 150},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake()
				f.leases(tt.life)
				src := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil)
				refused := 0
				for range 600 {
					if _, err := src.Fetch(t.Context()); err != nil {
						refused++
						if source.IsPermanent(err) || !strings.Contains(err.Error(), "too many users") {
							t.Fatal(err)
						}
					}
					time.Sleep(100 * time.Millisecond)
				}
				if n := f.count(readCreds); n > tt.most || n < tt.most-2 || n+refused != 600 {
					t.Errorf("%d users in a minute, %d refused", n, refused)
				}
			})
		})
	}
}

// TestRetireOptions: each reason to give a lease back can be switched off.
func TestRetireOptions(t *testing.T) {
	const revoke = "PUT sys/leases/revoke"
	for _, tt := range []struct {
		opts   vault.DynamicOptions
		reason source.Reason
		want   int
	}{
		{vault.DynamicOptions{}, source.Drained, 1},
		{vault.DynamicOptions{}, source.Refused, 1},
		{vault.DynamicOptions{}, source.Closed, 1},
		{vault.DynamicOptions{}, source.Unknown, 1},
		{vault.DynamicOptions{KeepDrained: true}, source.Drained, 0},
		{vault.DynamicOptions{KeepRefused: true}, source.Refused, 0},
		{vault.DynamicOptions{KeepLast: true}, source.Closed, 0},
		{vault.DynamicOptions{KeepDrained: true, KeepLast: true}, source.Refused, 1},
	} {
		f := newFake()
		f.leases(time.Minute)
		f.on(revoke, always(answer{status: 204}))
		src := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), &tt.opts)
		c := fetch(t, src)
		err := src.Retire(source.WithRetireReason(t.Context(), tt.reason), c)
		if err != nil || f.count(revoke) != tt.want {
			t.Errorf("%+v, reason %v: %d revoked, want %d: %v", tt.opts, tt.reason, f.count(revoke), tt.want, err)
		}
		if r := f.last(revoke); tt.want > 0 && (r.body["lease_id"] != c.Version || r.body["sync"] != true) {
			t.Errorf("revoked with %v", r.body)
		}
	}
}

// static answers for a static role.
func (f *fake) static(tell func() (password, rotated string, ttl int)) {
	f.on("GET database/static-creds/app", func(request) answer {
		password, rotated, ttl := tell()
		data := map[string]any{"username": "app", "password": password, "ttl": ttl, "rotation_period": 60}
		if rotated != "" {
			data["last_vault_rotation"] = rotated
		}
		return answer{status: 200, body: map[string]any{"data": data}}
	})
}

// TestStaticRole: looked for just past its time; one that is late, less and less often.
func TestStaticRole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		password, rotated, ttl := "planted-1", "2026-11-23T10:00:00Z", 30
		f.static(func() (string, string, int) { return password, rotated, ttl })
		src, err := newLogin(t, f, f.logsIn(time.Hour, true), nil).Static("database", "app")
		if err != nil {
			t.Fatal(err)
		}
		first := fetch(t, src)
		if !first.ExpiresAt.IsZero() || !first.RefreshAfter.Equal(time.Now().Add(31*time.Second)) || first.Username != "app" {
			t.Errorf("%+v", first)
		}
		// It is late: for an hour it is asked for as often as it says.
		ttl = 0
		asked := 0
		for began := time.Now(); time.Since(began) < time.Hour; asked++ {
			c := fetch(t, src)
			if c.Version != first.Version || !c.RefreshAfter.After(time.Now()) {
				t.Fatalf("%+v", c)
			}
			time.Sleep(time.Until(c.RefreshAfter))
		}
		if asked > 150 {
			t.Errorf("asked %d times in an hour for one that is late", asked)
		}
		// The clock of the role starts anew before the password changes, or after.
		ttl = 3600
		if c := fetch(t, src); c.Version != first.Version || c.RefreshAfter.After(time.Now().Add(time.Minute)) {
			t.Errorf("%+v", c)
		}
		rotated = "2026-11-23T11:00:00Z"
		second := fetch(t, src)
		password = "planted-2"
		third := fetch(t, src)
		if second.Version == first.Version || third.Version == second.Version {
			t.Errorf("versions %q, %q, %q", first.Version, second.Version, third.Version)
		}
		for _, c := range []source.Credential{first, second, third} {
			if strings.Contains(c.Version, "planted") {
				t.Errorf("version %q", c.Version)
			}
		}
	})
}

// TestStaticRoleWithSchedule: its clock starts anew when the schedule says, seconds before the password changes. The password
// is found within a second or two, and not a period later.
func TestStaticRoleWithSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const period, delay = time.Minute, 3 * time.Second
		f := newFake()
		began := time.Now()
		f.static(func() (string, string, int) {
			age := time.Since(began)
			n := int((age - delay) / period)
			return planted(n), began.Add(time.Duration(n) * period).Format(time.RFC3339), int((period - age%period) / time.Second)
		})
		src, err := newLogin(t, f, f.logsIn(24*time.Hour, true), nil).Static("database", "app")
		must(t, err)
		last, asked := "", 0
		for time.Since(began) < 20*period {
			c := fetch(t, src)
			if late := time.Since(began) % period; c.Version != last && last != "" && (late < delay || late > delay+2*time.Second) {
				t.Errorf("found %v after it was due", late)
			}
			last = c.Version
			asked++
			time.Sleep(time.Until(c.RefreshAfter))
		}
		if asked > 20*6 {
			t.Errorf("asked %d times for 20 passwords", asked)
		}
	})
}

// planted numbers passwords that no text may show.
func planted(n int) string { return fmt.Sprintf("planted-%d", n) }

// TestKV: both engines, names, and what is not a secret of this kind.
func TestKV(t *testing.T) {
	version2 := func(data map[string]any, version int) answer {
		return answer{status: 200, body: map[string]any{"data": map[string]any{
			"data": data, "metadata": map[string]any{"version": version, "created_time": "2026-11-23T10:00:00.1Z"},
		}}}
	}
	login := map[string]any{"username": "app", "password": "planted", "host": "db.test", "port": 5433, "dbname": "shop", "note": 1}
	for name, tt := range map[string]struct {
		opts    *vault.KVOptions
		answer  answer
		version string
		err     string
	}{
		"version 2":     {nil, version2(login, 7), "7@2026-11-23T10:00:00.1Z", ""},
		"version 1":     {&vault.KVOptions{Engine: 1}, answer{status: 200, body: map[string]any{"data": login}}, "", ""},
		"own names":     {&vault.KVOptions{Names: vault.Names{Username: "user", Password: "pw"}}, version2(map[string]any{"user": "app", "pw": "planted", "host": "db.test", "port": "5433", "dbname": "shop"}, 1), "1@2026-11-23T10:00:00.1Z", ""},
		"1, not 2":      {nil, answer{status: 200, body: map[string]any{"data": login}}, "", "KVOptions.Engine"},
		"no password":   {nil, version2(map[string]any{"username": "app"}, 1), "", "password is missing"},
		"a number":      {nil, version2(map[string]any{"username": "app", "password": 17}, 1), "", "password is not a string"},
		"deleted":       {nil, answer{status: 404, body: map[string]any{"data": map[string]any{"data": nil, "metadata": map[string]any{"version": 3, "deletion_time": "2026"}}}}, "", "does the secret exist"},
		"never written": {nil, answer{status: 404, body: refusal()}, "", "does the secret exist"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			path := "GET secret/data/app/db"
			if tt.opts != nil && tt.opts.Engine == 1 {
				path = "GET secret/app/db"
			}
			f.on(path, always(tt.answer))
			src, err := newLogin(t, f, f.logsIn(time.Hour, true), nil).KV("secret/", "/app/db", tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			c, err := src.Fetch(t.Context())
			if tt.err != "" {
				if !source.IsPermanent(err) || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "planted") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || c.Username != "app" || c.Password.Reveal() != "planted" || c.Host != "db.test" || c.Port != 5433 || c.Database != "shop" || c.Version != tt.version && tt.version != "" || c.Version == "" {
				t.Errorf("%+v, %v", c, err)
			}
		})
	}
}

// TestBadArguments: they fail at construction and name what is wrong.
func TestBadArguments(t *testing.T) {
	login := newLogin(t, newFake(), testAuth{}, nil)
	for want, make := range map[string]func() error{
		"mount is empty":           func() error { _, err := login.Dynamic("/", "app", nil); return err },
		"the name below":           func() error { _, err := login.Static("database", ""); return err },
		"no path of Vault's":       func() error { _, err := login.KV("secret", "a/../b", nil); return err },
		"KVOptions.Engine":         func() error { _, err := login.KV("secret", "a", &vault.KVOptions{Engine: 3}); return err },
		"DynamicOptions.Increment": func() error { _, err := login.Dynamic("d", "r", &vault.DynamicOptions{Increment: 1}); return err },
		"DynamicOptions.Burst":     func() error { _, err := login.Dynamic("d", "r", &vault.DynamicOptions{Burst: -1}); return err },
	} {
		if err := make(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// TestContextEndsEveryCall: also one that waits for another's login.
func TestContextEndsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		release := make(chan struct{})
		f.on(logIn, func(request) answer { <-release; return answer{err: errNetwork} })
		src := dynamic(t, newLogin(t, f, testAuth{}, nil), nil)
		go src.Fetch(context.Background())
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := src.Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		close(release)
	})
}

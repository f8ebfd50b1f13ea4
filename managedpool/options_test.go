package managedpool_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/internal/testenv/thief"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// TestConstructionRefuses: what cannot work is refused before anything is asked or connected, and the error says
// what it is.
func TestConstructionRefuses(t *testing.T) {
	t.Parallel()
	asked := source.Func(func(context.Context) (source.Credential, error) {
		t.Error("the source was asked")
		return source.Credential{}, errors.New("no")
	})
	config, err := managedpool.ParseConfig("host=127.0.0.1 port=1 sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	none := config.Copy()
	none.MaxConns = 0
	tests := []struct {
		name   string
		config *managedpool.Config
		src    source.Source
		opts   *managedpool.Options
		want   string
	}{
		{"no configuration", nil, asked, nil, "managedpool: config is nil"},
		{"no source", config, nil, nil, "managedpool: src is nil"},
		{"source without a function", config, source.Func(nil), nil, "managedpool: src is nil"},
		{"probe without a function", config, asked, &managedpool.Options{Probe: probe.Func(nil)}, "managedpool: Options.Probe must"},
		{"no connections", none, asked, nil, "MaxSize must be >= 1"}, // pgxpool's own
		{"option", config, asked, &managedpool.Options{Headroom: -2}, "managedpool: Options.Headroom must not be less than -1"},
		{"endpoint", config, asked, &managedpool.Options{AllowEndpoints: []string{"*"}}, `managedpool: Options.AllowEndpoints[0] ("*")`},
		{"probe", config, asked, &managedpool.Options{Probe: probe.All(nil)}, "managedpool: Options.Probe: "},
	}
	for _, tt := range tests {
		pool, err := managedpool.NewWithConfig(t.Context(), tt.config, tt.src, tt.opts)
		if err == nil {
			pool.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: error is %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestConfigNotParsed panics as pgxpool does.
func TestConfigNotParsed(t *testing.T) {
	t.Parallel()
	config, err := managedpool.ParseConfig("host=127.0.0.1 port=1 sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]*managedpool.Config{
		"zero": {}, "made by hand": {ConnConfig: config.ConnConfig, MaxConns: 1},
	} {
		theirs := caught(func() { pgxpool.NewWithConfig(t.Context(), bad) })
		ours := caught(func() { managedpool.NewWithConfig(t.Context(), bad, newFeed(testenv.Login{}), nil) })
		if ours != theirs || ours == "no panic" {
			t.Errorf("%s: %s, want %s", name, ours, theirs)
		}
	}
}

// TestConfigIsCopied: what the caller does with his configuration and options later changes nothing.
func TestConfigIsCopied(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	config := where.config(t, testenv.Login{User: "nobody"}, nil)
	config.MaxConns = 3
	opts := &managedpool.Options{AllowEndpoints: []string{"db"}}
	pool, err := managedpool.NewWithConfig(t.Context(), config, newFeed(where.issue(t)), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, pool) })
	config.MaxConns = 9
	config.ConnConfig.Host = "elsewhere.example.com"
	config.ConnConfig.RuntimeParams["nonsense"] = "x"
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return errCase }
	opts.AllowEndpoints[0] = "*"
	pool.Reset()
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("a new connection: %v", err)
	}
	if c := pool.Config(); c.MaxConns != 3 || c.ConnConfig.Host == config.ConnConfig.Host || c.BeforeConnect != nil {
		t.Error("Config shows what the caller did later")
	}
}

// endpointRig is a pool that may follow a credential to a proxy, or to a second database.
type endpointRig struct {
	*site
	proxy *testenv.Proxy
	feed  *feed
	diary *loadtest.Diary
	login testenv.Login
	pool  *managedpool.Pool
}

func newEndpointRig(t *testing.T, where *site, allow []string, change func(*pgxpool.Config)) *endpointRig {
	t.Helper()
	r := &endpointRig{site: where, proxy: envtest.Proxy(t), diary: &loadtest.Diary{}}
	r.login = r.issue(t)
	r.feed = newFeed(r.login)
	opts := &managedpool.Options{AllowEndpoints: allow, OnEvent: r.diary.Write, Probe: probe.Ping{}}
	r.pool = r.managed(t, r.feed, opts, change)
	settled(t, r.pool)
	return r
}

// goesTo makes the source give the same login with an endpoint.
func (r *endpointRig) goesTo(host string, port uint16, database string) {
	c := credentialOf(r.login)
	c.Host, c.Port, c.Database = host, port, database
	r.feed.put(c, nil)
}

// refused waits for the credential to be refused and returns why.
func (r *endpointRig) refused(t *testing.T) *rekey.VerifyError {
	t.Helper()
	envtest.Eventually(t, patience, func() bool { return len(loadtest.Find[rekey.RefusedEvent](r.diary)) > 0 }, "refused")
	return loadtest.Find[rekey.RefusedEvent](r.diary)[0].Err
}

// arrived waits until no connection of the endpoint before is left.
func (r *endpointRig) arrived(t *testing.T) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool {
		s := r.pool.Status()
		return s.Generation == 2 && len(s.Draining) == 0
	}, "the endpoint is in use")
}

// TestEndpointNotAllowed: the reason can be read, in the event and in the status, and the old one stays in use.
func TestEndpointNotAllowed(t *testing.T) {
	t.Parallel()
	r := newEndpointRig(t, newSite(t, nil), []string{"127.0.0.1:1", "*.example.com"}, nil)
	r.goesTo("", r.proxy.Port(), "")
	err := r.refused(t)
	const want = "is not in Options.AllowEndpoints"
	if err.Class != rekey.VerifyForbidden || !strings.Contains(err.Error(), want) {
		t.Errorf("refused for %v", err)
	}
	if s := r.pool.Status(); s.Generation != 1 || !strings.Contains(s.LastError, want) {
		t.Errorf("status is %+v", s)
	}
	if err := r.pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool serves no more: %v", err)
	}
	if n := r.proxy.Total(); n != 0 {
		t.Errorf("%d connections to an endpoint that is not allowed", n)
	}
}

// TestEndpointIgnored: without an allow-list an endpoint in a credential means nothing.
func TestEndpointIgnored(t *testing.T) {
	t.Parallel()
	r := newEndpointRig(t, newSite(t, nil), nil, nil)
	next := r.issue(t)
	r.login = next
	r.goesTo("elsewhere.example.com", 1, "other")
	uses(t, r.pool, next)
	if err := r.pool.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestEndpointFollowed: connections go where the credential says, all of them, and say so.
func TestEndpointFollowed(t *testing.T) {
	t.Parallel()
	r := newEndpointRig(t, newSite(t, nil), []string{"127.0.0.1"}, nil)
	r.goesTo("127.0.0.1", r.proxy.Port(), "")
	r.arrived(t)
	err := r.pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		if port := c.Conn().Config().Port; port != r.proxy.Port() {
			t.Errorf("the connection shows port %d", port)
		}
		return c.Ping(t.Context())
	})
	if err != nil || r.proxy.Open() == 0 {
		t.Errorf("%d connections through the proxy, error %v", r.proxy.Open(), err)
	}
	if got, want := r.pool.Config().ConnConfig.Port, envtest.Postgres(t).Port; got != want {
		t.Errorf("Config shows port %d, want the configured %d", got, want)
	}
	r.feed.set(r.login) // and back
	envtest.Eventually(t, patience, func() bool { return r.proxy.Open() == 0 }, "no connection is left on the proxy")
	if err := r.pool.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestDatabaseFollowed: a rule must name the database, or all of them.
func TestDatabaseFollowed(t *testing.T) {
	t.Parallel()
	where, other := newSite(t, nil), envtest.Database(t)
	for rule, allowed := range map[string]bool{
		"127.0.0.1": false, "127.0.0.1/postgres": false, "127.0.0.1/" + other.Name: true, "127.0.0.1/*": true,
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			r := newEndpointRig(t, where, []string{rule}, nil)
			r.do(t, "grant connect on database "+other.Name+" to "+r.login.User)
			t.Cleanup(func() { r.do(t, "revoke connect on database "+other.Name+" from "+r.login.User) })
			r.goesTo("", 0, other.Name)
			want := r.issuer.Database().Name
			if allowed {
				r.arrived(t)
				want = other.Name
			} else {
				r.refused(t)
			}
			var got string
			err := r.pool.QueryRow(t.Context(), "select current_database()").Scan(&got)
			if err != nil || got != want {
				t.Errorf("in database %q, error %v, want %q", got, err, want)
			}
		})
	}
}

// TestEndpointsName: with verify-full the certificate must be good for the endpoint's name, not the configured.
func TestEndpointsName(t *testing.T) {
	t.Parallel()
	everywhereHere := func(c *pgxpool.Config) {
		c.ConnConfig.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	}
	r := newEndpointRig(t, newSite(t, nil), []string{"localhost", "*.example.com"}, everywhereHere)
	r.goesTo("db.example.com", 0, "")
	if err := r.refused(t); !strings.Contains(err.Error(), "db.example.com") || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("refused for %v", err)
	}
	r.goesTo("localhost", 0, "")
	r.arrived(t)
	err := r.pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
		if name := c.Conn().Config().TLSConfig.ServerName; name != "localhost" {
			t.Errorf("the server was asked for as %q", name)
		}
		return c.Ping(t.Context())
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWeakServer: where anybody could be the server, one is warned, and connections require SCRAM; where the
// caller has said what he requires, that stays.
func TestWeakServer(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	server := envtest.Postgres(t)
	for name, tt := range map[string]struct {
		tls, require string
		warned       bool
	}{
		"verify-full":  {"sslmode=verify-full sslrootcert=" + server.CAFile, "", false},
		"verify-ca":    {"sslmode=verify-ca sslrootcert=" + server.CAFile, "", false},
		"require":      {"sslmode=require", "scram-sha-256", true},
		"prefer":       {"sslmode=prefer", "scram-sha-256", true},
		"their choice": {"sslmode=require require_auth=scram-sha-256,md5", "scram-sha-256,md5", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := pgxpool.ParseConfig("host=127.0.0.1 dbname=" + where.issuer.Database().Name + " " + tt.tls)
			if err != nil {
				t.Fatal(err)
			}
			config.ConnConfig.Port = server.Port
			diary := &loadtest.Diary{}
			opts := &managedpool.Options{OnEvent: diary.Write}
			pool, err := managedpool.NewWithConfig(t.Context(), config, newFeed(where.issue(t)), opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { shutdown(t, pool) })
			if got := warnedOf(diary, "sslmode"); got != tt.warned {
				t.Errorf("warned: %v", got)
			}
			pool.AcquireFunc(t.Context(), func(c *pgxpool.Conn) error {
				if got := c.Conn().Config().RequireAuth; got != tt.require {
					t.Errorf("require_auth is %q, want %q", got, tt.require)
				}
				return nil
			})
		})
	}
}

func warnedOf(d *loadtest.Diary, field string) bool {
	for _, w := range loadtest.Find[rekey.WarningEvent](d) {
		if w.Field == field {
			return true
		}
	}
	return false
}

// TestNoPasswordInClear: a server without TLS that asks for the password itself does not get it.
func TestNoPasswordInClear(t *testing.T) {
	t.Parallel()
	server := thief.New(t)
	login := testenv.Login{User: "u", Password: planted}
	pool, err := managedpool.New(t.Context(), "sslmode=disable host=127.0.0.1 port="+server.Port(), newFeed(login),
		&managedpool.Options{MaxHold: 100 * time.Millisecond})
	if err == nil {
		pool.Close()
		t.Fatal("the pool trusts a server without SCRAM")
	}
	cleanError(t, "New", err)
	if !strings.Contains(err.Error(), "require_auth") {
		t.Errorf("error is %v", err)
	}
	if asked, got := server.Results(); asked == 0 || got != 0 {
		t.Errorf("asked %d times, got %d answers", asked, got)
	}
}

// TestLifetimeWarning: connections that are to live longer than their credential are told of, once, with the rule.
func TestLifetimeWarning(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	for name, tt := range map[string]struct {
		lifetime, life time.Duration
		warned         bool
	}{
		"longer":  {time.Hour, 10 * time.Minute, true},
		"shorter": {time.Minute, 10 * time.Minute, false},
		"endless": {time.Hour, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lease := func() source.Credential {
				c := credentialOf(where.issue(t))
				if tt.life > 0 {
					c.ExpiresAt = time.Now().Add(tt.life)
				}
				return c
			}
			diary := &loadtest.Diary{}
			feed := newFeed(testenv.Login{})
			feed.put(lease(), nil)
			pool := where.managed(t, feed, &managedpool.Options{OnEvent: diary.Write}, func(c *pgxpool.Config) {
				c.MaxConnLifetime = tt.lifetime
			})
			next := lease()
			feed.put(next, nil)
			envtest.Eventually(t, patience, func() bool { return pool.Status().Username == next.Username }, "the next is adopted")
			warnings := loadtest.Find[rekey.WarningEvent](diary)
			if (len(warnings) == 1) != tt.warned || len(warnings) > 1 {
				t.Fatalf("warnings are %v", warnings)
			}
			if tt.warned && (warnings[0].Field != "MaxConnLifetime" ||
				!strings.Contains(warnings[0].Message, "interval between rotations should exceed the lifetime")) {
				t.Errorf("the warning is %+v", warnings[0])
			}
		})
	}
}

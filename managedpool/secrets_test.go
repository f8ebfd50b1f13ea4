package managedpool_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// planted is a password that must appear nowhere. What masks passwords in texts may stop at a special character,
// so both ends can be told.
const (
	plantedHead = "Pl4ntedHead"
	plantedTail = "pl4ntedtail"
	planted     = plantedHead + ` /@:?#%&=+'"\<>{}` + plantedTail
)

func leaks(text string) bool {
	return strings.Contains(text, plantedHead) || strings.Contains(text, plantedTail)
}

// clean fails the test if v shows the password: printed, encoded, or to whoever follows its pointers, as the
// diffs of test libraries do.
func clean(t testing.TB, what string, v any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		text := fmt.Sprintf(verb, v)
		if leaks(text) || strings.Contains(text, fmt.Sprintf("%x", plantedHead)) {
			t.Errorf("%s (%T) shows a password under %s", what, v, verb)
		}
	}
	if encoded, err := json.Marshal(v); err == nil && leaks(string(encoded)) {
		t.Errorf("%s (%T) shows a password in JSON", what, v)
	}
	if path := trail(reflect.ValueOf(v), "", map[uintptr]bool{}); path != "" {
		t.Errorf("%s (%T) holds a password in %s", what, v, path)
	}
}

// trail follows everything that can be reached from v without calling a method, and says where the password is.
func trail(v reflect.Value, path string, seen map[uintptr]bool) string {
	switch v.Kind() {
	case reflect.String:
		if leaks(v.String()) {
			return path
		}
	case reflect.Pointer, reflect.Interface:
		if v.Kind() == reflect.Pointer {
			if v.IsNil() || seen[v.Pointer()] {
				return ""
			}
			seen[v.Pointer()] = true
		}
		return trail(v.Elem(), path, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			if found := trail(v.Field(i), path+"."+v.Type().Field(i).Name, seen); found != "" {
				return found
			}
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 && leaks(string(v.Bytes())) {
			return path
		}
		for i := range v.Len() {
			if found := trail(v.Index(i), path+"[]", seen); found != "" {
				return found
			}
		}
	case reflect.Map:
		for entries := v.MapRange(); entries.Next(); {
			if found := trail(entries.Key(), path+"[key]", seen) + trail(entries.Value(), path+"[value]", seen); found != "" {
				return found
			}
		}
	}
	return ""
}

// cleanError looks at an error and at everything that it wraps.
func cleanError(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: there is no error to look at", what)
		return
	}
	var connectErr *pgconn.ConnectError
	if errors.As(err, &connectErr) && connectErr.Config.Password != "" {
		t.Errorf("%s: the ConnectError's configuration has a password", what)
	}
	var parseErr *pgconn.ParseConfigError
	if errors.As(err, &parseErr) {
		t.Errorf("%s: a ParseConfigError, which holds the connection string, can be reached", what)
	}
	for _, e := range chain(err) {
		clean(t, what, e)
	}
}

// chain returns err and all errors that it wraps.
func chain(err error) []error {
	all := []error{err}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			all = append(all, chain(inner)...)
		}
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			all = append(all, chain(inner)...)
		}
	}
	return all
}

// TestTrail: the search finds what it looks for.
func TestTrail(t *testing.T) {
	t.Parallel()
	type deep struct{ inner any }
	secret := planted
	for i, v := range []any{
		planted, &secret, deep{planted}, deep{&secret}, []byte(planted), deep{[]any{deep{&secret}}},
		map[string]deep{"a": {planted}}, &pgconn.ConnectError{Config: &pgconn.Config{Password: planted}},
	} {
		if trail(reflect.ValueOf(v), "it", map[uintptr]bool{}) == "" {
			t.Errorf("value %d: not found", i)
		}
	}
}

// listener takes all that a pool says: its log, as text and as JSON, and its events.
type listener struct {
	t      *testing.T
	events loadtest.Diary

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(p)
}

func (l *listener) logged() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func (l *listener) options() managedpool.Options {
	level := &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}
	return managedpool.Options{
		Logger:  slog.New(slog.NewMultiHandler(slog.NewTextHandler(l, level), slog.NewJSONHandler(l, level))),
		OnEvent: l.events.Write,
		MaxHold: 3 * time.Second, // New must do it in this time as well
	}
}

// check looks at all that was said, and that something was.
func (l *listener) check() {
	l.t.Helper()
	events, log := loadtest.Find[managedpool.Event](&l.events), l.logged()
	if len(events) == 0 || log == "" {
		l.t.Error("the pool said nothing")
	}
	if leaks(log) {
		l.t.Error("the log shows a password")
	}
	for _, e := range events {
		clean(l.t, e.Name(), e)
		clean(l.t, e.Name(), e.Attrs())
		for _, a := range e.Attrs() {
			if err, ok := a.Value.Any().(error); ok {
				cleanError(l.t, e.Name(), err)
			}
		}
	}
}

func (l *listener) awaits(event string) {
	l.t.Helper()
	envtest.Eventually(l.t, patience, func() bool {
		return slices.ContainsFunc(loadtest.Find[managedpool.Event](&l.events), func(e managedpool.Event) bool { return e.Name() == event })
	}, event)
}

// vault is a pool whose every password is the planted one, and all that is heard of it.
type vault struct {
	*testing.T
	*site
	*listener
	feed  *feed
	login testenv.Login
	pool  *managedpool.Pool
}

// lock gives a login the planted password, where the server's log does not see it.
func (s *site) lock(t testing.TB, login testenv.Login) testenv.Login {
	t.Helper()
	login.Password = planted
	err := s.admin.AcquireFunc(context.Background(), func(c *pgxpool.Conn) error {
		_, err := c.Exec(context.Background(), "set log_statement = 'none'")
		if err != nil {
			return err
		}
		_, err = c.Exec(context.Background(), "alter role "+login.User+" password "+
			"'"+strings.ReplaceAll(planted, "'", "''")+"'")
		return errors.Join(err, c.Conn().Close(context.Background()))
	})
	if err != nil {
		t.Fatal("setting the password failed") // without the error, which may show it
	}
	return login
}

// newVault makes a pool with a connection string that holds the planted password as well. change may alter the
// first credential and the options.
func newVault(t *testing.T, where *site, change func(*source.Credential, *managedpool.Options)) *vault {
	t.Helper()
	v := &vault{T: t, site: where, listener: &listener{t: t}, login: where.lock(t, where.issue(t))}
	opts := v.options()
	c := credentialOf(v.login)
	if change != nil {
		change(&c, &opts)
	}
	v.feed = newFeed(v.login)
	v.feed.put(c, nil)
	pool, err := managedpool.New(t.Context(), where.issuer.Database().DSN("nobody", planted), v.feed, &opts)
	if err != nil {
		cleanError(t, "New", err)
		t.Fatal("the pool could not be made")
	}
	t.Cleanup(func() { shutdown(t, pool) })
	settled(t, pool)
	v.pool = pool
	return v
}

// look looks at the pool from outside.
func (v *vault) look() {
	v.Helper()
	v.check()
	clean(v, "Status", v.pool.Status())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if leaks(fmt.Sprintf(verb, v.pool)) {
			v.Errorf("the pool shows a password under %s", verb)
		}
	}
}

// fails runs every call at once, each of which must fail without showing anything.
func (v *vault) fails() {
	v.Helper()
	v.pool.Reset()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var running sync.WaitGroup
	for name, call := range calls {
		running.Go(func() {
			cleanError(v, name, call(ctx, &side{T: v.T, site: v.site, pool: v.pool, table: "app.events"}))
		})
	}
	running.Wait()
}

// TestNothingShowsAPassword plants one in everything that a pool is given, lets everything go wrong that can, and
// looks for it in all that comes out.
func TestNothingShowsAPassword(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	t.Cleanup(func() { serverHeardNothing(t) })
	scenarios := map[string]func(*testing.T, *site){
		"adopted": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			v.feed.set(where.lock(t, where.issue(t)))
			v.awaits("generation drained")
			v.look()
		},
		"wrong password": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			next := where.issue(t)
			next.Password = planted
			v.feed.set(next)
			v.awaits("credential not adopted")
			cleanError(t, "Refresh", v.pool.Refresh(t.Context()))
			v.look()
		},
		"missing grant": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			next := where.lock(t, where.issue(t))
			where.do(t, "revoke insert on app.events from "+next.User)
			v.feed.set(next)
			v.awaits("credential not adopted")
			cleanError(t, "Refresh", v.pool.Refresh(t.Context()))
			v.look()
		},
		"failing source": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			v.feed.put(credentialOf(v.login), errors.New("the store is down")) // and a credential beside the error
			v.awaits("credential refresh failed")
			cleanError(t, "Refresh", v.pool.Refresh(t.Context()))
			v.look()
		},
		"rubbish": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			v.feed.put(source.Credential{Password: source.NewSecret(planted)}, nil)
			v.awaits("credential refresh failed")
			cleanError(t, "Refresh", v.pool.Refresh(t.Context()))
			v.look()
		},
		"endpoint not allowed": func(t *testing.T, where *site) {
			v := newVault(t, where, func(_ *source.Credential, o *managedpool.Options) {
				o.AllowEndpoints = []string{"db.example.com"}
			})
			c := credentialOf(v.login)
			c.Host = "elsewhere.example.com"
			v.feed.put(c, nil)
			v.awaits("credential not adopted")
			v.look()
		},
		"failing probe": func(t *testing.T, where *site) {
			v := newVault(t, where, func(_ *source.Credential, o *managedpool.Options) {
				o.Probe = probe.Func(func(ctx context.Context, target probe.Target) error {
					if target.Current == "" {
						return nil
					}
					return target.Conn.Exec(ctx, "select 1/0")
				})
			})
			v.feed.set(where.lock(t, where.issue(t)))
			v.awaits("credential not adopted")
			v.look()
		},
		"hook that dials": func(t *testing.T, where *site) { hookThatDials(t, where) },
		"refused login in use": func(t *testing.T, where *site) {
			v := newVault(t, where, nil)
			if _, err := where.issuer.AlterPassword(t.Context(), v.login); err != nil {
				t.Fatal(err)
			}
			v.fails()
			v.awaits("login refused")
			v.look()
		},
		"unreachable server": func(t *testing.T, where *site) { unreachable(t, where) },
		"expired": func(t *testing.T, where *site) {
			v := newVault(t, where, func(c *source.Credential, _ *managedpool.Options) {
				c.ExpiresAt = time.Now().Add(3 * time.Second)
			})
			v.feed.put(source.Credential{}, errors.New("the store is down"))
			v.awaits("credential expired")
			v.fails()
			v.look()
		},
	}
	for name, scenario := range scenarios {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, where)
		})
	}
}

func serverHeardNothing(t *testing.T) {
	log, err := envtest.Postgres(t).Log()
	if err != nil {
		t.Fatal(err)
	}
	if log == "" || leaks(log) {
		t.Errorf("the server's log (%d bytes) shows a password", len(log))
	}
}

// hookThatDials: a user's own hook connects with what it was given, fails, and returns pgx's error, which holds
// the whole configuration.
func hookThatDials(t *testing.T, where *site) {
	first := where.lock(t, where.issue(t))
	l := &listener{t: t}
	opts := l.options()
	feed := newFeed(first)
	pool := where.managed(t, feed, &opts, func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			config := conn.Config()
			if config.User == first.User {
				return nil
			}
			config.Database = "no_such_database"
			_, err := pgx.ConnectConfig(ctx, config)
			return err
		}
	})
	feed.set(where.lock(t, where.issue(t)))
	l.awaits("credential not adopted")
	l.check()
	refused := loadtest.Find[rekey.RefusedEvent](&l.events)[0].Err
	if !strings.Contains(refused.Error(), "AfterConnect") || refused.SQLState != "42501" && refused.SQLState != "3D000" {
		t.Errorf("refused without a reason: %v", refused)
	}
	cleanError(t, "Refresh", pool.Refresh(t.Context()))
}

// unreachable: the network ends before, and in the middle of, a login.
func unreachable(t *testing.T, where *site) {
	proxy := envtest.Proxy(t)
	login, l := where.lock(t, where.issue(t)), &listener{t: t}
	opts := l.options()
	config, err := pgxpool.ParseConfig(where.issuer.Database().DSNAt(proxy.Port(), "nobody", planted))
	if err != nil {
		t.Fatal(err)
	}
	var broken atomic.Bool
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		if broken.Load() {
			c.ConnectTimeout = 100 * time.Millisecond
		}
		return nil
	}
	pool, err := managedpool.NewWithConfig(t.Context(), config, newFeed(login), &opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shutdown(t, pool) })
	v := &vault{T: t, site: where, listener: l, pool: pool}
	broken.Store(true)
	proxy.Refuse(true)
	proxy.CloseAll()
	v.fails()
	proxy.Refuse(false)
	proxy.Pause()
	v.fails()
	proxy.Resume()
	v.look()
}

// TestNewShowsNoPassword: a pool that cannot be made says why, and not with what.
func TestNewShowsNoPassword(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	wrong := where.issue(t)
	wrong.Password = planted
	absent := testenv.Login{User: "no_such_role", Password: planted}
	permanent := func(context.Context) (source.Credential, error) {
		return credentialOf(wrong), source.Permanent(errors.New("no such secret"))
	}
	for name, src := range map[string]source.Source{
		"wrong": newFeed(wrong), "absent": newFeed(absent), "source": source.Func(permanent),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := &listener{t: t}
			opts := l.options()
			pool, err := managedpool.New(t.Context(), where.issuer.Database().DSN("nobody", planted), src, &opts)
			if err == nil {
				pool.Close()
			}
			cleanError(t, "New", err)
			l.check()
		})
	}
}

// malformed are connection strings that cannot be parsed, with the password in every place where people have it.
var malformed = map[string]string{
	"url, port":           "postgres://user:" + url.QueryEscape(planted) + "@host:port/db",
	"url, sslmode":        "postgres://user:" + url.QueryEscape(planted) + "@host/db?sslmode=never",
	"url, not escaped":    "postgres://user:" + planted + "@host/db",
	"url, in the query":   "postgres://user@host/db?password=" + url.QueryEscape(planted) + "&port=x",
	"url, odd key":        "postgres://user@host/db?passwd=" + planted + "&port=x",
	"url, as user":        "postgres://" + planted + "@host:x/db",
	"url, control":        "postgres://user:" + plantedHead + "\x7f" + plantedTail + "@host:x/db",
	"url, bad escape":     "postgres://user:" + plantedHead + "%zz" + plantedTail + "@host/db",
	"keyword":             "host=h password=" + plantedHead + " port=x",
	"keyword, not quoted": "host=h password=" + planted + " port=x",
	"keyword, quoted":     `host=h password='` + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(planted) + `' port=x`,
	"keyword, spaces":     "host=h password = " + plantedHead + " port = x",
	"keyword, tab":        "host=h password\t=\t'" + plantedHead + "' port=x",
	"keyword, unended":    "host=h port=x password='" + plantedHead,
	"keyword, upper case": "host=h PASSWORD=" + plantedHead + " port=x",
	"keyword, passwd":     "host=h passwd=" + plantedHead + " port=x",
	"keyword, pwd":        "host=h pwd='" + plantedHead + "' port=x",
	"keyword, escaped":    `host=h password=` + plantedHead + `\ ` + plantedTail + " port=x",
	"sslpassword":         "host=h sslpassword=" + plantedHead + " sslcert=c",
	"alone":               planted,
	"alone, short":        plantedHead,
	"half a pair":         "password " + plantedHead + " port=x",
	"as port":             "host=h port=" + plantedHead,
	"as sslmode":          "host=h sslmode=" + plantedHead,
	"as sslrootcert":      "host=h sslmode=verify-full sslrootcert=" + plantedHead,
	"as sslcertmode":      "host=h sslcertmode=" + plantedHead,
	"as connect_timeout":  "host=h connect_timeout=" + plantedHead,
	"as service":          "service=" + plantedHead + " servicefile=/nonexistent",
	"as target":           "host=h target_session_attrs=" + plantedTail,
	"as protocol":         "host=h min_protocol_version=" + plantedHead,
	"as binding":          "host=h channel_binding=" + plantedTail,
	"as require_auth":     "host=h require_auth=" + plantedTail,
	"as mode":             "host=h default_query_exec_mode=" + plantedHead,
	"as cache":            "host=h statement_cache_capacity=" + plantedHead,
	"as pool size":        "host=h pool_max_conns=" + plantedHead,
	"as lifetime":         "host=h pool_max_conn_lifetime=" + plantedHead,
	"a complaint":         "host=h port=x password='`: invalid " + plantedWord + "'",
	"another complaint":   "host=h port=x password='`: cannot parse " + plantedWord + "'",
	"url, a complaint":    "postgres://user@host:x/`: failed to parse " + plantedWord,
}

// plantedWord is a password that could be a word of an error's text.
const plantedWord = "plantedword"

// TestMalformedConnString: the error names what is wrong where that cannot hold anything of the string.
func TestMalformedConnString(t *testing.T) {
	t.Parallel()
	never := source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{}, errors.New("never asked")
	})
	for name, dsn := range malformed {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := pgxpool.ParseConfig(dsn); err == nil {
				t.Fatal("pgx takes it: the case shows nothing")
			}
			pool, err := managedpool.New(t.Context(), dsn, never, nil)
			if err == nil {
				pool.Close()
			}
			cleanError(t, "New", err)
			if strings.Contains(err.Error(), plantedWord) || !strings.HasPrefix(err.Error(), "managedpool: connString") {
				t.Errorf("the error is not about connString, or repeats it: %d characters", len(err.Error()))
			}
		})
	}
}

// TestConnStringComplaints: what is wrong is said, for what people get wrong.
func TestConnStringComplaints(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"host=h port=x":                            "invalid port",
		"postgres://host:x/db":                     "invalid port",
		"host=h sslmode=never":                     "failed to configure TLS",
		"host=h pool_max_conns=x":                  "cannot parse pool_max_conns",
		"host=h pool_max_conns=0":                  "pool_max_conns too small",
		"host=h pool_max_conn_lifetime=x":          "cannot parse pool_max_conn_lifetime",
		"host=h connect_timeout=x":                 "invalid connect_timeout",
		"host=h require_auth=x":                    "invalid require_auth",
		"host=h target_session_attrs=x":            "unknown target_session_attrs",
		"host=h default_query_exec_mode=x":         "invalid default_query_exec_mode",
		"host=h statement_cache_capacity=x":        "cannot parse statement_cache_capacity",
		"nonsense":                                 "failed to parse as keyword/value",
		"postgres://user:%zz@host/db":              "failed to parse as URL",
		"host=a,b port=1,2,3":                      "connString is malformed",
		"service=no_such_service servicefile=/dev": "failed to read service",
	} {
		_, err := managedpool.New(t.Context(), dsn, newFeed(testenv.Login{}), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q in it", dsn, err, want)
		}
	}
}

// TestValuesShowNoPassword: what a program has at hand and may print.
func TestValuesShowNoPassword(t *testing.T) {
	t.Parallel()
	c := source.Credential{Username: "u", Password: source.NewSecret(planted), Version: "v"}
	clean(t, "Credential", c)
	clean(t, "Credential", &c)
	clean(t, "Credential", []any{map[string]source.Credential{"a": c}})
	src := source.Func(func(context.Context) (source.Credential, error) { return c, nil })
	opts := &managedpool.Options{Lazy: true, Probe: probe.Ping{}}
	pool, err := managedpool.New(t.Context(), unreachableDSN, src, opts)
	if err != nil {
		t.Fatal("no pool")
	}
	defer pool.Close()
	clean(t, "Options", *opts)
	clean(t, "Status", pool.Status())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "pool", pool, "credential", c, "config", pool.Status())
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "pool", pool, "credential", c, "config", pool.Status())
	if leaks(log.String()) {
		t.Error("a log line shows a password")
	}
}

// unreachableDSN is a connection string with a password, for a server that is not there.
var unreachableDSN = "host=127.0.0.1 port=1 user=user password='" +
	strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(planted) + "' dbname=db sslmode=disable connect_timeout=1"

// panicEnv makes a child of the test binary panic with a value that knows a password.
const panicEnv = "REKEY_TEST_PANIC"

// TestPanicShowsNoPassword: neither the value nor the stack of a panic shows one.
func TestPanicShowsNoPassword(t *testing.T) {
	if what := os.Getenv(panicEnv); what != "" {
		panicWith(what)
	}
	t.Parallel()
	for _, what := range []string{"credential", "pool", "error", "nil pointer"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestPanicShowsNoPassword$")
			child.Env = append(os.Environ(), panicEnv+"="+what, "GOTRACEBACK=all")
			out, err := child.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !bytes.Contains(out, []byte("goroutine ")) {
				t.Fatalf("the child did not panic: %v", err)
			}
			if leaks(string(out)) {
				t.Error("the panic shows a password")
			}
		})
	}
}

func panicWith(what string) {
	c := source.Credential{Username: "u", Password: source.NewSecret(planted)}
	src := source.Func(func(context.Context) (source.Credential, error) { return c, nil })
	pool, err := managedpool.New(context.Background(), unreachableDSN, src,
		&managedpool.Options{Lazy: true, MaxHold: 100 * time.Millisecond})
	if err != nil {
		panic("no pool")
	}
	switch what {
	case "credential":
		panic(c)
	case "pool":
		panic(pool)
	case "error":
		panic(pool.Ping(context.Background()))
	default:
		// In the middle of everything, with the password on the stack.
		config := pool.Config()
		config.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) { panic("dialling") }
		other, _ := managedpool.NewWithConfig(context.Background(), config, src, nil)
		other.Close()
	}
}

package managedpool_test

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// tally counts the calls of every hook that a user can set.
type tally struct {
	mu sync.Mutex
	n  map[string]int
}

func newTally() *tally { return &tally{n: map[string]int{}} }

func (t *tally) add(hook string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n[hook]++
}

func (t *tally) counts() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.n)
}

// since returns how often each hook was called since counts were taken, without those that were not.
func (t *tally) since(before map[string]int) map[string]int {
	now := t.counts()
	for hook, n := range before {
		if now[hook] -= n; now[hook] == 0 {
			delete(now, hook)
		}
	}
	return now
}

// install sets every hook; PrepareConn's older form BeforeAcquire instead of it, if older is true.
func (t *tally) install(c *pgxpool.Config, older bool) {
	c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { t.add("BeforeConnect"); return nil }
	c.AfterConnect = func(context.Context, *pgx.Conn) error { t.add("AfterConnect"); return nil }
	if older {
		//lint:ignore SA1019 users still have it
		c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { t.add("BeforeAcquire"); return true }
	} else {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { t.add("PrepareConn"); return true, nil }
	}
	c.AfterRelease = func(*pgx.Conn) bool { t.add("AfterRelease"); return true }
	c.BeforeClose = func(*pgx.Conn) { t.add("BeforeClose") }
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { t.add("ShouldPing"); return true }
	c.ConnConfig.Tracer = tracer{t}
	t.installLow(&c.ConnConfig.Config)
}

// installLow sets the hooks of pgconn.
func (t *tally) installLow(c *pgconn.Config) {
	dial, onError := c.DialFunc, c.OnPgError
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		t.add("DialFunc")
		return dial(ctx, network, address)
	}
	c.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		t.add("AfterNetConnect")
		return conn, nil
	}
	c.ValidateConnect = func(context.Context, *pgconn.PgConn) error { t.add("ValidateConnect"); return nil }
	c.AfterConnect = func(context.Context, *pgconn.PgConn) error { t.add("pgconn.AfterConnect"); return nil }
	c.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) { t.add("OnNotice") }
	c.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		t.add("OnPgError")
		return onError(conn, err)
	}
}

// tracer is a user's tracer with all abilities.
type tracer struct{ *tally }

func (t tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	t.add("QueryStart")
	return ctx
}

func (t tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { t.add("QueryEnd") }

func (t tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	t.add("BatchStart")
	return ctx
}

func (t tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	t.add("BatchQuery")
}

func (t tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) { t.add("BatchEnd") }

func (t tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	t.add("CopyFromStart")
	return ctx
}

func (t tracer) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {
	t.add("CopyFromEnd")
}

func (t tracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	t.add("PrepareStart")
	return ctx
}

func (t tracer) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {
	t.add("PrepareEnd")
}

func (t tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	t.add("ConnectStart")
	return ctx
}

func (t tracer) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) { t.add("ConnectEnd") }

func (t tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	t.add("AcquireStart")
	return ctx
}

func (t tracer) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {
	t.add("AcquireEnd")
}

func (t tracer) TraceRelease(*pgxpool.Pool, pgxpool.TraceReleaseData) { t.add("Release") }

// TestHooksAsInPgxpool: for the same use, every hook is called as often as under pgxpool, but for those that run
// when the first credential is verified.
func TestHooksAsInPgxpool(t *testing.T) {
	t.Parallel()
	for _, older := range []bool{false, true} {
		t.Run(map[bool]string{false: "PrepareConn", true: "BeforeAcquire"}[older], func(t *testing.T) {
			t.Parallel()
			where := newSite(t, nil)
			login := where.issue(t)
			theirs, ours := newTally(), newTally()

			plain := &side{T: t, site: where, login: login, table: "app.events"}
			plain.pool = plainPool(t, where.config(t, login, func(c *pgxpool.Config) { theirs.install(c, older) }))
			exercise(timeLimit(t), plain)

			managed := &side{T: t, site: where, login: login, table: "app.events"}
			managed.pool = managedPool(t, where.config(t, login, func(c *pgxpool.Config) { ours.install(c, older) }), login)
			exercise(timeLimit(t), managed)

			want := theirs.counts()
			want["BeforeConnect"]++ // the verification's connect; the pool's own takes its session over
			want["AfterConnect"]++  // a login on which it fails is of no use
			want["BeforeClose"]++   // for what AfterConnect has set up
			if got := ours.counts(); !maps.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
			everyHookRan(t, want)
		})
	}
}

// everyHookRan makes sure that the comparison is not one of zero with zero.
func everyHookRan(t *testing.T, counts map[string]int) {
	t.Helper()
	const hooks = 27 - 1 // PrepareConn or BeforeAcquire
	if len(counts) != hooks {
		t.Errorf("%d hooks ran, want %d: %v", len(counts), hooks, slices.Sorted(maps.Keys(counts)))
	}
}

// exercise does everything once that makes a hook run, and closes the pool.
func exercise(ctx context.Context, s *side) {
	s.must(s.pool.AcquireFunc(ctx, func(one *pgxpool.Conn) error {
		return s.pool.AcquireFunc(ctx, func(*pgxpool.Conn) error {
			return one.Conn().PgConn().CancelRequest(ctx) // dials as well
		})
	}))
	s.atRest()
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		if name != "CopyFrom" {
			s.must(calls[name](ctx, s))
			s.atRest()
		}
	}
	_, err := s.pool.CopyFrom(ctx, pgx.Identifier{"app", "events"}, []string{"account_id", "kind"}, pgx.CopyFromRows(nil))
	s.must(err)
	s.atRest()
	s.pool.Exec(ctx, "do $$ begin raise notice 'heard'; raise exception 'seen'; end $$")
	s.atRest()
	for _, c := range s.pool.AcquireAllIdle(ctx) {
		c.Release()
	}
	s.atRest()
	hijacked := s.hold(ctx).Hijack()
	s.must(hijacked.Close(ctx))
	s.pool.Close()
}

// watched is a pool with all hooks counted, that has two connections.
type watched struct {
	*site
	*tally
	feed  *feed
	diary *loadtest.Diary
	pool  *managedpool.Pool
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{site: newSite(t, nil), tally: newTally(), diary: &loadtest.Diary{}}
	w.feed = newFeed(w.issue(t))
	w.pool = w.managed(t, w.feed, &managedpool.Options{OnEvent: w.diary.Write}, func(c *pgxpool.Config) {
		c.MaxConns = 2
		w.install(c, false)
	})
	settled(t, w.pool)
	w.fill(t)
	return w
}

// fill makes the pool have two connections, at rest.
func (w *watched) fill(t *testing.T) {
	t.Helper()
	err := w.pool.AcquireFunc(t.Context(), func(*pgxpool.Conn) error { return w.pool.Ping(t.Context()) })
	if err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, patience, func() bool { return w.pool.Stat().IdleConns() == 2 }, "two idle connections")
}

// ownConnections are the hooks that may run when the pool makes and closes connections by itself.
var ownConnections = []string{
	"BeforeConnect", "DialFunc", "AfterNetConnect", "ValidateConnect", "pgconn.AfterConnect", "AfterConnect",
	"ConnectStart", "ConnectEnd", "BeforeClose",
}

// TestHooksDuringRotation: a rotation makes and closes connections, and runs the hooks for that; callers see
// none of it, so those that serve callers do not run.
func TestHooksDuringRotation(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	before, made := w.counts(), w.pool.Stat().NewConnsCount()
	next := w.issue(t)
	w.feed.set(next)
	uses(t, w.pool, next)
	envtest.Eventually(t, patience, func() bool { return w.pool.Stat().IdleConns() == 2 }, "two idle connections")

	ran := w.since(before)
	for hook, n := range ran {
		if !slices.Contains(ownConnections, hook) {
			t.Errorf("%s ran %d times for the pool's own work", hook, n)
		}
	}
	connects := int(w.pool.Stat().NewConnsCount() - made)
	if mode == managedpool.Replace {
		connects = int(w.pool.Stat().TotalConns()) // of a pgxpool of its own, which counts those that had to wait, too
	}
	want := map[string]int{
		"AfterConnect": connects + 1, "pgconn.AfterConnect": connects,
		"ConnectStart": connects, "ConnectEnd": connects, "BeforeClose": 2 + 1,
	}
	for hook, n := range want {
		if ran[hook] != n {
			t.Errorf("%s ran %d times, want %d (for %d connections and a verification): %v", hook, ran[hook], n, connects, ran)
		}
	}
	// Two sessions were made, each dialled once; on a slow machine one may have grown too old to be used.
	for _, hook := range []string{"DialFunc", "AfterNetConnect", "ValidateConnect"} {
		if ran[hook] < 2 || ran[hook] != ran["DialFunc"] {
			t.Errorf("%s ran %d times, want once for each of 2 sessions: %v", hook, ran[hook], ran)
		}
	}
}

// TestHooksDuringSweep: when the server has killed a session, the pool looks at the idle ones by itself, and no
// hook hears of it but those for what is found dead.
func TestHooksDuringSweep(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	held, err := w.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	before := w.counts()
	w.count(t, `select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity
		where datname = current_database() and usename = $1`, w.feed.login.Username)
	if _, err := held.Exec(t.Context(), "select 1"); err == nil {
		t.Fatal("the held connection lives")
	}
	envtest.Eventually(t, patience, func() bool { return w.pool.Stat().TotalConns() == 1 }, "the idle connection is found dead")
	held.Release()
	envtest.Eventually(t, patience, func() bool { return w.pool.Stat().TotalConns() == 0 }, "the held connection is gone")
	want := map[string]int{
		"QueryStart": 1, "QueryEnd": 1, // the caller's statement
		"OnPgError": 2, "BeforeClose": 2, "Release": 1,
	}
	if ran := w.since(before); !maps.Equal(ran, want) {
		t.Errorf("got  %v\nwant %v", ran, want)
	}
}

// TestLoginWinsOverBeforeConnect: BeforeConnect decides about everything but the login.
func TestLoginWinsOverBeforeConnect(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	login := where.issue(t)
	pool := where.managed(t, newFeed(login), nil, func(c *pgxpool.Config) {
		c.MaxConns = 2
		c.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
			c.User, c.Password = "intruder", "wrong"
			c.RuntimeParams["application_name"] = "from the hook"
			return nil
		}
	})
	settled(t, pool)
	check := func(c *pgxpool.Conn) {
		var user, name string
		err := c.QueryRow(t.Context(), "select current_user, current_setting('application_name')").Scan(&user, &name)
		if err != nil || user != login.User || name != "from the hook" {
			t.Errorf("got user %q, application %q, error %v", user, name, err)
		}
	}
	err := pool.AcquireFunc(t.Context(), func(first *pgxpool.Conn) error { // the one that was verified
		check(first)
		return pool.AcquireFunc(t.Context(), func(second *pgxpool.Conn) error { // one that was dialled for itself
			check(second)
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// failing is the key of contexts for which hooks fail.
type failing struct{}

// errHook is what they fail with.
var errHook = errors.New("the hook says no")

func failIfAsked(ctx context.Context) error {
	if ctx.Value(failing{}) != nil {
		return errHook
	}
	return nil
}

// TestHookErrors: what hooks return reaches callers as under pgxpool.
func TestHookErrors(t *testing.T) {
	t.Parallel()
	cases := []parityCase{
		{name: "BeforeConnect", config: func(c *pgxpool.Config) {
			c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error { return failIfAsked(ctx) }
		}},
		{name: "AfterConnect", config: func(c *pgxpool.Config) {
			c.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error { return failIfAsked(ctx) }
		}},
		{name: "pgconn.AfterConnect", config: func(c *pgxpool.Config) {
			c.ConnConfig.AfterConnect = func(ctx context.Context, _ *pgconn.PgConn) error { return failIfAsked(ctx) }
		}},
		{name: "ValidateConnect", config: func(c *pgxpool.Config) {
			c.ConnConfig.ValidateConnect = func(ctx context.Context, _ *pgconn.PgConn) error { return failIfAsked(ctx) }
		}},
		{name: "AfterNetConnect", config: func(c *pgxpool.Config) {
			c.ConnConfig.AfterNetConnect = func(ctx context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
				return conn, failIfAsked(ctx)
			}
		}},
		{name: "PrepareConn keeps", config: func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { return true, failIfAsked(ctx) }
		}},
		{name: "PrepareConn drops", config: func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
				err := failIfAsked(ctx)
				return err == nil, err
			}
		}},
		{name: "PrepareConn turns away", config: func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { return failIfAsked(ctx) == nil, nil }
		}},
		{name: "BeforeAcquire", config: func(c *pgxpool.Config) {
			//lint:ignore SA1019 users still have it
			c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { return failIfAsked(ctx) == nil }
		}},
		{name: "PrepareConn before BeforeAcquire", config: func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { return true, failIfAsked(ctx) }
			//lint:ignore SA1019 users still have it
			c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { return false }
		}},
		{name: "AfterRelease", config: func(c *pgxpool.Config) {
			c.AfterRelease = func(conn *pgx.Conn) bool { return false }
		}},
		{name: "OnPgError", config: func(c *pgxpool.Config) {
			c.ConnConfig.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool { return err.Code != "22012" }
		}},
	}
	where := newSite(t, nil)
	login := where.issue(t)
	where.do(t, parityTables(cases, login))
	for i, c := range cases {
		c.run = hookFails
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sideBySide(t, where, login, i, c)
		})
	}
}

// hookFails notes what callers see of a hook that fails: with a connection there, and with one to be made. Of an
// error that comes as a connect error only the cause is compared: its text says in which step it arose.
func hookFails(ctx context.Context, s *side) {
	s.must(s.pool.Ping(ctx))
	s.atRest()
	asked := context.WithValue(ctx, failing{}, true)
	for _, prepare := range []func(){func() {}, func() { s.pool.Reset(); s.atRest() }} {
		prepare()
		err := s.pool.Ping(asked)
		var connectErr *pgconn.ConnectError
		if errors.As(err, &connectErr) {
			s.say("connect error", errors.Is(err, errHook), connectErr.Config.Host)
		} else {
			s.say("ping", err)
		}
		s.atRest()
	}
	var n int
	s.say("query", s.pool.QueryRow(ctx, "select 1/0").Scan(&n))
	s.atRest()
	s.say("after", s.pool.Ping(ctx))
}

// TestHooksRefuseCredential: a hook that fails on the new login keeps it from being adopted, whichever it is,
// and callers go on with the old one until it succeeds.
func TestHooksRefuseCredential(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	hooks := map[string]func(*pgxpool.Config, func() error){
		"BeforeConnect": func(c *pgxpool.Config, fail func() error) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return fail() }
		},
		"AfterConnect": func(c *pgxpool.Config, fail func() error) {
			c.AfterConnect = func(context.Context, *pgx.Conn) error { return fail() }
		},
		"ValidateConnect": func(c *pgxpool.Config, fail func() error) {
			c.ConnConfig.ValidateConnect = func(context.Context, *pgconn.PgConn) error { return fail() }
		},
		"AfterNetConnect": func(c *pgxpool.Config, fail func() error) {
			c.ConnConfig.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
				return conn, fail()
			}
		},
		"DialFunc": func(c *pgxpool.Config, fail func() error) {
			dial := c.ConnConfig.DialFunc
			c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
				if err := fail(); err != nil {
					return nil, err
				}
				return dial(ctx, network, address)
			}
		},
	}
	for name, install := range hooks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refusedByHook(t, where, install)
		})
	}
}

func refusedByHook(t *testing.T, where *site, install func(*pgxpool.Config, func() error)) {
	var refuses atomic.Bool
	fail := func() error {
		if refuses.Load() {
			return errHook
		}
		return nil
	}
	old, diary := where.issue(t), &loadtest.Diary{}
	feed := newFeed(old)
	pool := where.managed(t, feed, &managedpool.Options{OnEvent: diary.Write}, func(c *pgxpool.Config) { install(c, fail) })
	settled(t, pool)

	refuses.Store(true)
	next := where.issue(t)
	feed.set(next)
	envtest.Eventually(t, patience, func() bool { return len(loadtest.Find[rekey.RefusedEvent](diary)) > 0 }, "the credential is refused")
	refused := loadtest.Find[rekey.RefusedEvent](diary)[0].Err
	if !errors.Is(refused, errHook) {
		t.Errorf("refused for %v", refused)
	}
	status := pool.Status()
	if status.Username != old.User || status.State != rekey.StateDegraded || !strings.Contains(status.LastError, errHook.Error()) {
		t.Errorf("status is %+v", status)
	}
	var user string
	if err := pool.QueryRow(t.Context(), "select current_user").Scan(&user); err != nil || user != old.User {
		t.Errorf("a caller got user %q, error %v", user, err)
	}
	refuses.Store(false)
	if err := pool.Refresh(t.Context()); err != nil {
		t.Errorf("refresh: %v", err)
	}
	uses(t, pool, next)
}

// TestTracersGetThePool: acquire and release tracers are told of the pgxpool that Unwrap returns; a connect tracer of
// where the connection goes, and of no password.
func TestTracersGetThePool(t *testing.T) {
	t.Parallel()
	where := newSite(t, nil)
	seen := &seenPools{}
	pool := where.managed(t, newFeed(where.issue(t)), nil, func(c *pgxpool.Config) { c.ConnConfig.Tracer = seen })
	if err := pool.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if len(seen.pools) != 3 {
		t.Errorf("tracers ran %d times, want 3", len(seen.pools))
	}
	for _, p := range seen.pools {
		if p != pool.Unwrap() && mode == managedpool.InPlace || p == nil {
			t.Error("a tracer was told of another pool")
		}
	}
	if c := seen.connecting; c == nil || c.Host != "127.0.0.1" || c.Database != where.issuer.Database().Name || c.Password != "" {
		t.Error("the connect tracer was told something else")
	}
}

// seenPools is a tracer that keeps the pools it is told of, and the last configuration.
type seenPools struct {
	mu         sync.Mutex
	pools      []*pgxpool.Pool
	connecting *pgx.ConnConfig
}

func (s *seenPools) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := *data.ConnConfig // what pgx does with it later is not of interest
	s.connecting = &copied
	return ctx
}

func (s *seenPools) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) {}

func (s *seenPools) see(p *pgxpool.Pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pools = append(s.pools, p)
}

func (s *seenPools) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (s *seenPools) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (s *seenPools) TraceAcquireStart(ctx context.Context, p *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	s.see(p)
	return ctx
}

func (s *seenPools) TraceAcquireEnd(_ context.Context, p *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	s.see(p)
}

func (s *seenPools) TraceRelease(p *pgxpool.Pool, _ pgxpool.TraceReleaseData) { s.see(p) }

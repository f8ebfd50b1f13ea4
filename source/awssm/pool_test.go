package awssm_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// The tests of this file are pools under load on a real PostgreSQL, whose logins are in a secret.

// poolSize is MaxConns of the pools under load.
const poolSize = 10

// patience bounds a wait for what happens by itself; machines that run tests are slow at times.
const patience = 30 * time.Second

// site is a secret that has a login of a database.
type site struct {
	*store
	issuer *testenv.Issuer
	login  testenv.Login // that works
	src    *awssm.Source
	pool   *managedpool.Pool
	diary  *loadtest.Diary
}

// newSite makes a pool whose source looks at the secret as often as opts say, at whatever endpoint the tests are pointed at.
func newSite(t testing.TB, opts *awssm.Options, poolOpts managedpool.Options) *site {
	t.Helper()
	return newSiteOn(t, func(text string) *store { return keepAnywhere(t, text) }, opts, poolOpts)
}

// newOwnSite makes one on a server of ours, which can be broken.
func newOwnSite(t testing.TB, opts *awssm.Options, poolOpts managedpool.Options) *site {
	t.Helper()
	return newSiteOn(t, func(text string) *store { return keep(t, envtest.OwnSecretsManager(t), text) }, opts, poolOpts)
}

func newSiteOn(t testing.TB, keep func(text string) *store, opts *awssm.Options, poolOpts managedpool.Options) *site {
	t.Helper()
	s := &site{issuer: envtest.Issuer(t), diary: &loadtest.Diary{}}
	must(t, s.issuer.Database().Set(t.Context(), "log_statement", "none"))
	login, err := s.issuer.Issue(t.Context())
	must(t, err)
	s.login = login
	s.store = keep(loginOf(login))
	// With the SDK's own way of trying again.
	s.src, err = awssm.New(secretsmanager.NewFromConfig(s.config), s.id, opts)
	must(t, err)
	poolOpts.OnEvent = s.diary.Write
	s.pool = s.open(t, &poolOpts)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("events:\n%v", s.diary)
		}
	})
	return s
}

// open makes a pool of the site's source.
func (s *site) open(t testing.TB, opts *managedpool.Options) *managedpool.Pool {
	t.Helper()
	config, err := managedpool.ParseConfig(s.issuer.Database().DSN("nobody", ""))
	must(t, err)
	config.MaxConns = poolSize
	pool, err := managedpool.NewWithConfig(t.Context(), config, s.src, opts)
	must(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := pool.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	return pool
}

// setPassword is a rotation up to its step setSecret: the new version is AWSPENDING, and the database has its password.
func (s *site) setPassword(t testing.TB) (version string) {
	t.Helper()
	next := s.login
	next.Password = planted(int(time.Now().UnixNano() % 1e6))
	version = s.put(t, loginOf(next), "AWSPENDING")
	must(t, s.issuer.Exec(t.Context(), fmt.Sprintf(`ALTER ROLE "%s" PASSWORD '%s'`, s.login.User, next.Password)))
	s.login = next
	return version
}

// asks is how often the service was asked since.
func (s *site) asks(since awssm.Calls) int64 {
	now := s.src.Calls()
	return now.DescribeSecret + now.GetSecretValue - since.DescribeSecret - since.GetSecretValue
}

// await waits for an event that matches.
func await[E rekey.Event](t testing.TB, s *site, match func(E) bool) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool {
		for _, e := range loadtest.Find[E](s.diary) {
			if match(e) {
				return true
			}
		}
		return false
	}, fmt.Sprintf("%T", *new(E)))
}

// callers acquire with a deadline and then use what they have got, and tell the two apart.
type callers struct {
	pool    *managedpool.Pool
	limit   time.Duration
	think   time.Duration // between one use and the next
	stop    chan struct{}
	running sync.WaitGroup

	done, refused, killed atomic.Int64
	lastKilled            atomic.Int64 // Unix nanoseconds
	t                     testing.TB
}

// startCallers begins a load whose acquires may take so long.
func startCallers(t testing.TB, pool *managedpool.Pool, n int, limit time.Duration) *callers {
	return startThinkers(t, pool, n, limit, 0)
}

// startThinkers is startCallers for parallel tests: in the short form the callers leave time for others.
func startThinkers(t testing.TB, pool *managedpool.Pool, n int, limit, think time.Duration) *callers {
	c := &callers{pool: pool, limit: limit, think: loadtest.Either(think, 0), stop: make(chan struct{}), t: t}
	for range n {
		c.running.Go(c.run)
	}
	return c
}

func (c *callers) run() {
	for {
		select {
		case <-c.stop:
			return
		default:
			c.one()
			time.Sleep(c.think)
		}
	}
}

func (c *callers) one() {
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	conn, err := c.pool.Acquire(ctx)
	if err != nil {
		if c.refused.Add(1) <= 5 {
			c.t.Errorf("acquire: %v", err)
		}
		return
	}
	defer conn.Release()
	var balance int64
	err = conn.QueryRow(ctx, "select balance from app.accounts where id = 1").Scan(&balance)
	if err == nil {
		c.done.Add(1)
		return
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code != "57P01" {
		c.t.Errorf("query: %v", err)
	}
	c.killed.Add(1)
	c.lastKilled.Store(time.Now().UnixNano())
}

func (c *callers) end() {
	close(c.stop)
	c.running.Wait()
}

// TestLaggingSecret: the password changes and every session is killed, three seconds before AWSCURRENT follows.
func TestLaggingSecret(t *testing.T) {
	s := newSite(t, nil, managedpool.Options{})
	load := startCallers(t, s.pool, 20, 5*time.Second)
	envtest.Eventually(t, patience, func() bool { return load.done.Load() > 1000 }, "load")
	before := s.src.Calls()
	version := s.setPassword(t)
	must(t, s.issuer.Terminate(t.Context(), s.login))
	killed := time.Now()
	await(t, s, func(e rekey.AdoptedEvent) bool { return e.Version == version && e.Alternate })
	done := load.done.Load()
	envtest.Eventually(t, patience, func() bool { return load.done.Load() > done }, "work goes on")
	first := time.Since(killed)
	if now := s.pool.Status(); now.Version != version || !now.Alternate {
		t.Errorf("%+v", now)
	}
	<-time.After(time.Until(killed.Add(3 * time.Second)))
	s.promote(t, version)
	asks := s.asks(before)
	must(t, s.pool.Refresh(t.Context()))
	envtest.Eventually(t, patience, func() bool { return !s.pool.Status().Alternate }, "it is AWSCURRENT now")
	done = load.done.Load()
	envtest.Eventually(t, patience, func() bool { return load.done.Load() > done+1000 }, "work goes on")
	load.end()
	t.Logf("%d operations; first success %v after the change; %d calls of the service in 3 s; %d statements met a killed session, the last %v after the kill",
		load.done.Load(), first.Round(time.Millisecond), asks, load.killed.Load(), time.Unix(0, load.lastKilled.Load()).Sub(killed).Round(time.Millisecond))
	if asks > 5 {
		t.Errorf("%d calls", asks)
	}
	if n := load.killed.Load(); n > 3*poolSize {
		t.Errorf("%d statements on %d killed sessions", n, poolSize)
	}
}

// TestLaggingSecretWithoutPending: the same where AWSPENDING may not be read. Whoever needs a login waits for AWSCURRENT.
func TestLaggingSecretWithoutPending(t *testing.T) {
	t.Parallel()
	s := newSite(t, &awssm.Options{NoPending: true}, managedpool.Options{})
	load := startThinkers(t, s.pool, 20, 15*time.Second, 10*time.Millisecond)
	envtest.Eventually(t, patience, func() bool { return load.done.Load() > 1000 }, "load")
	before := s.src.Calls()
	version := s.setPassword(t)
	must(t, s.issuer.Terminate(t.Context(), s.login))
	killed := time.Now()
	<-time.After(3 * time.Second)
	s.promote(t, version)
	await(t, s, func(e rekey.AdoptedEvent) bool { return e.Version == version && !e.Alternate })
	done := load.done.Load()
	envtest.Eventually(t, patience, func() bool { return load.done.Load() > done+1000 }, "work goes on")
	t.Logf("the new login in use %v after the change; %d calls; %d statements met a killed session",
		time.Since(killed).Round(time.Millisecond), s.asks(before), load.killed.Load())
	load.end()
}

// TestLaggingSecretShared: the same, with several pools on one source.
func TestLaggingSecretShared(t *testing.T) {
	const pools = 6
	s := newSite(t, nil, managedpool.Options{})
	loads := []*callers{startCallers(t, s.pool, 4, 5*time.Second)}
	for range pools - 1 {
		loads = append(loads, startCallers(t, s.open(t, nil), 4, 5*time.Second))
	}
	all := func(least int64) func() bool {
		return func() bool {
			for _, l := range loads {
				if l.done.Load() < least {
					return false
				}
			}
			return true
		}
	}
	envtest.Eventually(t, patience, all(100), "load")
	before := s.src.Calls()
	version := s.setPassword(t)
	must(t, s.issuer.Terminate(t.Context(), s.login))
	killed := time.Now()
	for _, l := range loads {
		envtest.Eventually(t, patience, func() bool { return l.pool.Status().Version == version }, "AWSPENDING")
	}
	t.Logf("%d pools on the new login after %v, with %d calls", pools, time.Since(killed).Round(time.Millisecond), s.asks(before))
	if n := s.asks(before); n > 10 {
		t.Errorf("%d calls", n)
	}
	s.promote(t, version)
	for _, l := range loads {
		l.end()
	}
}

// TestThirdVersion: while a pool is on AWSPENDING, yet another version becomes AWSCURRENT.
func TestThirdVersion(t *testing.T) {
	t.Parallel()
	s := newSite(t, &awssm.Options{TTL: time.Second}, managedpool.Options{})
	load := startThinkers(t, s.pool, 20, 5*time.Second, 10*time.Millisecond)
	version := s.setPassword(t)
	must(t, s.issuer.Terminate(t.Context(), s.login))
	await(t, s, func(e rekey.AdoptedEvent) bool { return e.Version == version && e.Alternate })
	third, err := s.issuer.Issue(t.Context())
	must(t, err)
	next := s.put(t, loginOf(third))
	await(t, s, func(e rekey.AdoptedEvent) bool { return e.Version == next && !e.Alternate })
	load.end()
}

// TestDeadRotation: a rotation that has changed the password and died. The pool lives on AWSPENDING, without a word about
// AWSCURRENT's password to the server at each poll, until somebody promotes it or rolls back.
func TestDeadRotation(t *testing.T) {
	t.Parallel()
	for _, ending := range []string{"promoted", "rolled back"} {
		t.Run(ending, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, &awssm.Options{TTL: time.Second}, managedpool.Options{})
			load := startThinkers(t, s.pool, 20, 5*time.Second, 10*time.Millisecond)
			old := s.login
			first := s.pool.Status().Version
			version := s.setPassword(t)
			must(t, s.issuer.Terminate(t.Context(), s.login))
			await(t, s, func(e rekey.AdoptedEvent) bool { return e.Version == version && e.Alternate })
			polls := s.src.Calls().DescribeSecret
			refusals := s.refusals(t)
			envtest.Eventually(t, patience, func() bool { return s.src.Calls().DescribeSecret >= polls+6 }, "polls")
			if n := s.refusals(t) - refusals; n > 4 { // less and less often
				t.Errorf("AWSCURRENT's password was tried %d times in 6 polls", n)
			}
			if now := s.pool.Status(); now.Version != version || !now.Alternate {
				t.Errorf("%+v", now)
			}
			switch ending {
			case "promoted":
				s.promote(t, version)
				envtest.Eventually(t, patience, func() bool { return !s.pool.Status().Alternate }, "it is AWSCURRENT now")
			case "rolled back":
				must(t, s.issuer.Exec(t.Context(), fmt.Sprintf(`ALTER ROLE "%s" PASSWORD '%s'`, old.User, old.Password)))
				s.pool.Reset() // everybody logs in anew
				envtest.Eventually(t, patience, func() bool {
					now := s.pool.Status()
					return now.Version == first && !now.Alternate
				}, "AWSCURRENT is in use")
			}
			done := load.done.Load()
			envtest.Eventually(t, patience, func() bool { return load.done.Load() > done+1000 }, "work goes on")
			load.end()
		})
	}
}

// refusals counts the passwords that the server has refused, by its log.
func (s *site) refusals(t testing.TB) int {
	t.Helper()
	log, err := s.issuer.Database().Server.Log()
	must(t, err)
	return strings.Count(log, `password authentication failed for user "`+s.login.User+`"`)
}

// TestAlternatingUsers: two users by turns, each with a new password when its turn comes; nothing is refused, and no query
// notices.
func TestAlternatingUsers(t *testing.T) {
	t.Parallel()
	rotations := loadtest.Either(5, 50)
	s := newSite(t, &awssm.Options{TTL: time.Second}, managedpool.Options{})
	load := loadtest.StartWaves(t, s.pool, 16, nil)
	users := []testenv.Login{s.login, {}}
	other, err := s.issuer.Issue(t.Context())
	must(t, err)
	users[1] = other
	for n := range rotations {
		next := &users[(n+1)%2]
		if *next, err = s.issuer.AlterPassword(t.Context(), *next); err != nil {
			t.Fatal(err)
		}
		version := s.put(t, loginOf(*next), "AWSPENDING")
		s.promote(t, version)
		envtest.Eventually(t, patience, func() bool { return s.pool.Status().Version == version }, "rotation ", n)
	}
	operations := load.End()
	t.Logf("%d operations, %d failed, %d rotations, calls %+v", operations, load.Failed(), rotations, s.src.Calls())
	if refused := loadtest.Find[rekey.LoginRefusedEvent](s.diary); len(refused) > 0 {
		t.Errorf("refused: %+v", refused)
	}
	if operations < 100 {
		t.Errorf("%d operations: that was no load", operations)
	}
}

// TestOutageUnderLoad: the service is away for several looks at the secret, and no query notices.
func TestOutageUnderLoad(t *testing.T) {
	t.Parallel()
	s := newOwnSite(t, &awssm.Options{TTL: time.Second}, managedpool.Options{})
	load := loadtest.StartWaves(t, s.pool, 16, nil)
	s.server.FailAll(fake.Unavailable)
	await(t, s, func(e rekey.RefreshFailedEvent) bool { return e.Failures >= 3 })
	if now := s.pool.Status(); now.State != rekey.StateDegraded {
		t.Errorf("%+v", now)
	}
	s.server.Heal()
	envtest.Eventually(t, patience, func() bool { return s.pool.Status().State == rekey.StateServing }, "recovery")
	t.Logf("%d operations, %d failed", load.End(), load.Failed())
}

// TestEndpointOfTheSecret: host, port and dbname are followed where the pool allows it, and only there.
func TestEndpointOfTheSecret(t *testing.T) {
	t.Parallel()
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	must(t, err)
	config, err := managedpool.ParseConfig(issuer.Database().DSN("nobody", ""))
	must(t, err)
	text := fmt.Sprintf(`{"engine":"postgres","host":%q,"port":%d,"dbname":%q,"username":%q,"password":%q}`,
		config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Database, login.User, login.Password)
	s := keep(t, envtest.OwnSecretsManager(t), text)
	elsewhere := config.Copy()
	elsewhere.ConnConfig.Port = 1
	open := func(opts *managedpool.Options) error {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		pool, err := managedpool.NewWithConfig(ctx, elsewhere, s.source(t, nil), opts)
		if err == nil {
			pool.Close()
		}
		return err
	}
	must(t, open(&managedpool.Options{AllowEndpoints: []string{fmt.Sprintf("%s:%d", config.ConnConfig.Host, config.ConnConfig.Port)}}))
	if err := open(nil); err == nil {
		t.Error("followed without leave")
	}
}

var _ source.Source = (*awssm.Source)(nil)

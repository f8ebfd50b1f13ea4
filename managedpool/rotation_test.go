package managedpool_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// poolSize is MaxConns of the pools that are tested under load.
const poolSize = 10

// rig is a pool on a fresh database, behind a proxy that counts, following a feed.
type rig struct {
	issuer *testenv.Issuer
	proxy  *testenv.Proxy
	feed   *feed
	pool   *managedpool.Pool
	diary  *loadtest.Diary
	login  testenv.Login // the one that the feed gives
}

// newRig makes a rig. extra is appended to the connection string; change may alter the options.
func newRig(t testing.TB, extra string, change func(*managedpool.Options)) *rig {
	t.Helper()
	envtest.NoLeak(t)
	r := &rig{issuer: envtest.Issuer(t), proxy: envtest.Proxy(t), diary: &loadtest.Diary{}}
	if err := r.issuer.Database().Set(t.Context(), "log_statement", "none"); err != nil {
		t.Fatal(err)
	}
	r.login = r.issue(t)
	r.feed = newFeed(r.login)
	opts := &managedpool.Options{OnEvent: r.diary.Write}
	if change != nil {
		change(opts)
	}
	dsn := r.issuer.Database().DSNAt(r.proxy.Port(), "nobody", "") + fmt.Sprintf(" pool_max_conns=%d ", poolSize) + extra
	pool, err := managedpool.New(t.Context(), dsn, r.feed, opts)
	if err != nil {
		t.Fatal(err)
	}
	r.pool = pool
	t.Cleanup(func() { r.shutdown(t) })
	return r
}

func (r *rig) issue(t testing.TB) testenv.Login {
	t.Helper()
	login, err := r.issuer.Issue(context.Background())
	if err != nil {
		t.Fatalf("issuing a login: %v", err)
	}
	return login
}

// rotate gives the pool a fresh login, and returns the one before.
func (r *rig) rotate(t testing.TB) (old testenv.Login) {
	t.Helper()
	old, r.login = r.login, r.issue(t)
	r.feed.set(r.login)
	return old
}

// shutdown ends the pool and checks that nothing is left of it on the server.
func (r *rig) shutdown(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := r.pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	envtest.Eventually(t, 10*time.Second, func() bool {
		n, err := r.issuer.AllSessions(ctx)
		return err == nil && n == 0
	}, "no session is left on the server")
	if t.Failed() {
		t.Logf("events:\n%v", r.diary)
	}
}

func (r *rig) revoke(t testing.TB, login testenv.Login) {
	t.Helper()
	if err := r.issuer.Revoke(context.Background(), login); err != nil {
		t.Errorf("revoking %s: %v", login.User, err)
	}
}

// adoptedLast waits until the pool uses the newest login and no connection of another is left.
func (r *rig) adoptedLast(t testing.TB, within time.Duration) {
	t.Helper()
	envtest.Eventually(t, within, func() bool {
		s := r.pool.Status()
		return s.Username == r.login.User && len(s.Draining) == 0
	}, "the pool uses the newest login only")
}

func (r *rig) withinBudget(t testing.TB, seen int) {
	t.Helper()
	r.within(t, seen, poolSize+managedpool.DefaultHeadroom)
}

func (r *rig) within(t testing.TB, seen, budget int) {
	t.Helper()
	if seen > budget {
		t.Errorf("the server saw %d sessions, the budget is %d", seen, budget)
	}
	if most := r.proxy.MaxOpen(); most > budget {
		t.Errorf("the proxy saw %d sockets, the budget is %d", most, budget)
	}
}

// TestRotationsUnderLoad: no operation fails and the budget holds while logins are replaced, each old one
// being dropped two seconds after the new one appeared.
func TestRotationsUnderLoad(t *testing.T) {
	rotationsUnderLoad(t, loadtest.Either(6, 100), managedpool.DefaultHeadroom)
}

// TestNoHeadroom: the same, where a connection has to go before a session is made in its place.
func TestNoHeadroom(t *testing.T) { rotationsUnderLoad(t, loadtest.Either(4, 100), -1) }

// TestMuchHeadroom: the same, where the next connections may all be made before the first of the old ones goes.
func TestMuchHeadroom(t *testing.T) { rotationsUnderLoad(t, loadtest.Either(4, 100), poolSize) }

func rotationsUnderLoad(t *testing.T, rotations, headroom int) {
	r := newRig(t, "", func(o *managedpool.Options) { o.Headroom = headroom })
	sessions := loadtest.StartCensus(t, r.issuer)
	work := loadtest.Start(t, r.pool, 32, nil)

	var drops sync.WaitGroup
	pace := time.NewTicker(time.Second)
	defer pace.Stop()
	for range rotations {
		<-pace.C
		old := r.rotate(t)
		drops.Go(func() {
			<-time.After(2 * time.Second)
			r.revoke(t, old)
		})
	}
	r.adoptedLast(t, 10*time.Second)
	drops.Wait()
	for loadtest.Full() && work.Done() < 500_000 {
		<-pace.C
	}
	operations := work.End()
	seen := sessions.End()
	r.within(t, seen, poolSize+max(0, headroom))
	t.Logf("%d operations, %d failed, %d rotations, at most %d sessions, %d sockets",
		operations, work.Failed(), rotations, seen, r.proxy.MaxOpen())
}

// TestIssuedFasterThanAdopted: an issuer that makes logins faster than a pool can adopt them, and drops each
// one soon after its last session, harms nothing; the pool skips those that are superseded.
func TestIssuedFasterThanAdopted(t *testing.T) {
	count := loadtest.Either(150, 500)
	r := newRig(t, "", nil)
	sessions := loadtest.StartCensus(t, r.issuer)
	work := loadtest.Start(t, r.pool, 32, nil)
	reaper := startReaper(t, r, 60*time.Millisecond)

	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	for range count {
		<-pace.C
		reaper.supersede(r.rotate(t))
	}
	r.adoptedLast(t, 10*time.Second)
	for loadtest.Full() && work.Done() < 500_000 {
		<-pace.C
	}
	operations := work.End()
	seen := sessions.End()
	reaper.end()
	r.withinBudget(t, seen)
	t.Logf("%d operations, %d failed, %d logins issued, %d adopted, %d dropped, at most %d sessions, %d sockets",
		operations, work.Failed(), count, r.pool.Status().Generation, reaper.dropped, seen, r.proxy.MaxOpen())
}

// reaper drops superseded logins once they have had no session for a while.
type reaper struct {
	mu      sync.Mutex // guards waiting
	waiting map[uint32]*idleLogin
	looked  time.Time // last; belongs to the reaper's goroutine
	dropped int
	stop    chan struct{}
	done    sync.WaitGroup
}

// idleLogin is a login and since when it has no session.
type idleLogin struct {
	login testenv.Login
	since time.Time
	used  bool // it has had one
}

// unusedGrace is how long a login lives that never had a session: one may be on its way, unseen.
const unusedGrace = 2 * time.Second

func startReaper(t testing.TB, r *rig, grace time.Duration) *reaper {
	p := &reaper{waiting: map[uint32]*idleLogin{}, stop: make(chan struct{})}
	conn, err := pgx.Connect(t.Context(), r.issuer.Database().AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	p.done.Go(func() {
		defer conn.Close(context.Background())
		for !p.stopped() {
			for _, login := range p.due(t, conn, grace) {
				r.revoke(t, login)
				p.dropped++
			}
		}
	})
	return p
}

func (p *reaper) supersede(login testenv.Login) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[login.OID] = &idleLogin{login: login, since: time.Now()}
}

func (p *reaper) stopped() bool {
	select {
	case <-p.stop:
		return true
	case <-time.After(10 * time.Millisecond):
		return false
	}
}

// due returns the logins that have had no session for longer than grace.
func (p *reaper) due(t testing.TB, conn *pgx.Conn, grace time.Duration) []testenv.Login {
	busy := map[uint32]bool{}
	rows, _ := conn.Query(context.Background(), "select distinct usesysid from pg_stat_activity where usesysid is not null")
	ids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	if err != nil {
		t.Errorf("looking for sessions: %v", err)
	}
	for _, id := range ids {
		busy[id] = true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	blind := time.Since(p.looked) > grace/2 // on a machine that stands still, nobody has seen that a login is not used
	p.looked = time.Now()
	var due []testenv.Login
	for id, idle := range p.waiting {
		switch {
		case busy[id]:
			idle.since, idle.used = time.Now(), true
		case blind && idle.used:
			idle.since = time.Now()
		case idle.used && time.Since(idle.since) > grace, time.Since(idle.since) > unusedGrace:
			due = append(due, idle.login)
			delete(p.waiting, id)
		}
	}
	return due
}

func (p *reaper) end() {
	close(p.stop)
	p.done.Wait()
}

// TestPasswordChange: a new password for the same login replaces no connection.
func TestPasswordChange(t *testing.T) {
	r := newRig(t, "", nil)
	work := loadtest.Start(t, r.pool, 8, nil)
	envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Stat().TotalConns() >= 4 }, "the pool is warm")
	before := r.pool.Stat().NewConnsCount()
	for range 3 {
		login, err := r.issuer.AlterPassword(t.Context(), r.login)
		if err != nil {
			t.Fatal(err)
		}
		r.login = login
		r.feed.set(login)
		generation := r.pool.Status().Generation
		envtest.Eventually(t, 5*time.Second, func() bool { return r.pool.Status().Generation > generation }, "adopted")
	}
	work.End()
	if n := len(loadtest.Find[rekey.AdoptedEvent](r.diary)); n < 4 {
		t.Errorf("adopted %d credentials, want 4", n)
	}
	if made := r.pool.Stat().NewConnsCount() - before; made > poolSize {
		t.Errorf("made %d connections for three passwords of one login", made)
	}
	r.pool.Reset()
	if err := r.pool.Ping(t.Context()); err != nil {
		t.Errorf("a connection made with the newest password: %v", err)
	}
}

package managedpool_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// full reports whether the tests run in their full form (make soak), not the short one of make test.
func full() bool { return os.Getenv("REKEY_FULL") != "" }

// either picks by the form that the tests run in.
func either[T any](short, long T) T {
	if full() {
		return long
	}
	return short
}

// feed is a source whose credential the test sets.
type feed struct {
	mu      sync.Mutex
	login   source.Credential
	err     error
	changed chan struct{}
	fetches int
}

func newFeed(login testenv.Login) *feed {
	f := &feed{changed: make(chan struct{})}
	f.set(login)
	return f
}

func (f *feed) Fetch(context.Context) (source.Credential, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetches++
	return f.login, f.err
}

func (f *feed) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// set makes login the credential to use, without an end.
func (f *feed) set(login testenv.Login) { f.put(credentialOf(login), nil) }

// put sets what Fetch returns, and tells the pool.
func (f *feed) put(c source.Credential, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login, f.err = c, err
	close(f.changed)
	f.changed = make(chan struct{})
}

// quietly sets what Fetch returns, and tells nobody.
func (f *feed) quietly(c source.Credential, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login, f.err = c, err
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetches
}

func credentialOf(login testenv.Login) source.Credential {
	return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}
}

// load asks a pool for work of all kinds, from many goroutines, until it is stopped.
type load struct {
	stop     chan struct{}
	workers  sync.WaitGroup
	done     atomic.Int64
	failures atomic.Int64
	report   func(error)
	think    time.Duration
}

// startLoad begins the load. A failure that expected does not allow fails the test; nil allows none. In the short
// form callers think for a moment between operations, so that a machine that runs other tests has time for logins.
func startLoad(t testing.TB, pool *managedpool.Pool, workers int, expected func(error) bool) *load {
	l := &load{stop: make(chan struct{}), think: either(2*time.Millisecond, 0)}
	l.report = func(err error) {
		if expected != nil && expected(err) {
			l.failures.Add(1)
			return
		}
		if l.failures.Add(1) <= 5 {
			t.Errorf("after %d operations: %v", l.done.Load(), err)
		}
	}
	for w := range workers {
		l.workers.Go(func() { l.run(pool, w) })
	}
	return l
}

func (l *load) run(pool *managedpool.Pool, worker int) {
	for n := worker; ; n++ {
		select {
		case <-l.stop:
			return
		case <-time.After(l.think):
		}
		if err := work(context.Background(), pool, n); err != nil {
			l.report(err)
		}
		l.done.Add(1)
	}
}

// end stops the load and returns how many operations there were.
func (l *load) end() int64 {
	close(l.stop)
	l.workers.Wait()
	return l.done.Load()
}

// work is one operation; n says which.
func work(ctx context.Context, pool *managedpool.Pool, n int) error {
	switch n % 16 {
	case 0:
		return transact(ctx, pool)
	case 1:
		return batch(ctx, pool)
	case 2:
		return copyIn(ctx, pool)
	default:
		var balance int64
		return pool.QueryRow(ctx, "select balance from app.accounts where id = $1", n%100+1).Scan(&balance)
	}
}

func transact(ctx context.Context, pool *managedpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into app.events (account_id, kind) values ($1, 'visit')", 1); err != nil {
			return err
		}
		var n int
		return tx.QueryRow(ctx, "select count(*) from app.accounts where id < 10").Scan(&n)
	})
}

func batch(ctx context.Context, pool *managedpool.Pool) error {
	b := &pgx.Batch{}
	b.Queue("select balance from app.accounts where id = 1")
	b.Queue("insert into app.events (account_id, kind) values (2, 'batch')")
	return pool.SendBatch(ctx, b).Close()
}

func copyIn(ctx context.Context, pool *managedpool.Pool) error {
	rows := [][]any{{3, "copy"}, {4, "copy"}}
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"app", "events"}, []string{"account_id", "kind"}, pgx.CopyFromRows(rows))
	return err
}

// census counts the pool's sessions every few milliseconds.
type census struct {
	stop chan struct{}
	done sync.WaitGroup
	most int
}

func startCensus(t testing.TB, issuer *testenv.Issuer) *census {
	c := &census{stop: make(chan struct{})}
	c.done.Go(func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-c.stop:
				return
			case <-ticker.C:
			}
			n, err := issuer.AllSessions(context.Background())
			if err != nil {
				t.Errorf("counting sessions: %v", err)
				return
			}
			c.most = max(c.most, n)
		}
	})
	return c
}

// end returns the most sessions seen.
func (c *census) end() int {
	close(c.stop)
	c.done.Wait()
	return c.most
}

// diary collects a pool's events.
type diary struct {
	mu     sync.Mutex
	events []managedpool.Event
}

func (d *diary) write(e managedpool.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// find returns the events of one type, oldest first.
func find[E managedpool.Event](d *diary) []E {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []E
	for _, e := range d.events {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// String is for the log of a test that fails.
func (d *diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := ""
	for _, e := range d.events {
		out += fmt.Sprintf("%s %v\n", e.Name(), e.Attrs())
	}
	return out
}

// Package loadtest puts pools under load in tests, and looks on.
package loadtest

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Full reports whether the tests run in their full form (make soak), not the short one of make test.
func Full() bool { return os.Getenv("REKEY_FULL") != "" }

// Either picks by the form that the tests run in.
func Either[T any](short, long T) T {
	if Full() {
		return long
	}
	return short
}

// Pool is what the load asks: *pgxpool.Pool, or one with its methods.
type Pool interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// Load asks a pool for work of all kinds, from many goroutines, until it is stopped.
type Load struct {
	stop     chan struct{}
	workers  sync.WaitGroup
	done     atomic.Int64
	failures atomic.Int64
	report   func(error)
	pause    func() time.Duration // between a caller's operations
}

// Start begins the load. A failure that expected does not allow fails the test; nil allows none. In the short
// form callers think for a moment between operations, so that a machine that runs other tests has time for logins.
func Start(t testing.TB, pool Pool, workers int, expected func(error) bool) *Load {
	think := Either(2*time.Millisecond, 0)
	return start(t, pool, workers, expected, func() time.Duration { return think })
}

// StartWaves is Start for tests that mostly wait, beside others. In the short form the callers come all at once, for one
// operation each, and again a moment later: connections are wanted by too many and by nobody in turn.
func StartWaves(t testing.TB, pool Pool, workers int, expected func(error) bool) *Load {
	const wave = 40 * time.Millisecond
	began := time.Now()
	return start(t, pool, workers, expected, func() time.Duration {
		return Either(wave-time.Since(began)%wave, 0)
	})
}

func start(t testing.TB, pool Pool, workers int, expected func(error) bool, pause func() time.Duration) *Load {
	l := &Load{stop: make(chan struct{}), pause: pause}
	l.report = func(err error) {
		if expected != nil && expected(err) {
			l.failures.Add(1)
			return
		}
		if l.failures.Add(1) <= 5 {
			t.Errorf("%s, after %d operations: %v", time.Now().Format(clock), l.done.Load(), err)
		}
	}
	for w := range workers {
		l.workers.Go(func() { l.run(pool, w) })
	}
	return l
}

func (l *Load) run(pool Pool, worker int) {
	for n := worker; ; n++ {
		select {
		case <-l.stop:
			return
		case <-time.After(l.pause()):
		}
		if err := Work(context.Background(), pool, n); err != nil {
			l.report(err)
		}
		l.done.Add(1)
	}
}

// End stops the load and returns how many operations there were.
func (l *Load) End() int64 {
	close(l.stop)
	l.workers.Wait()
	return l.done.Load()
}

// Work is one operation; n says which.
func Work(ctx context.Context, pool Pool, n int) error {
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

func transact(ctx context.Context, pool Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "insert into app.events (account_id, kind) values ($1, 'visit')", 1); err != nil {
			return err
		}
		var n int
		return tx.QueryRow(ctx, "select count(*) from app.accounts where id < 10").Scan(&n)
	})
}

func batch(ctx context.Context, pool Pool) error {
	b := &pgx.Batch{}
	b.Queue("select balance from app.accounts where id = 1")
	b.Queue("insert into app.events (account_id, kind) values (2, 'batch')")
	return pool.SendBatch(ctx, b).Close()
}

func copyIn(ctx context.Context, pool Pool) error {
	rows := [][]any{{3, "copy"}, {4, "copy"}}
	_, err := pool.CopyFrom(ctx, pgx.Identifier{"app", "events"}, []string{"account_id", "kind"}, pgx.CopyFromRows(rows))
	return err
}

// Done is how many operations there were so far.
func (l *Load) Done() int64 { return l.done.Load() }

// Failed is how many of them failed.
func (l *Load) Failed() int64 { return l.failures.Load() }

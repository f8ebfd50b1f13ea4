package work

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Pool is what *pgxpool.Pool and *managedpool.Pool have in common, as far as it is used here: the same code
// works on both.
type Pool interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
	sender
}

// sender is what a pool and a single connection have in common.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// Pgx is the work on a pool of pgx connections.
type Pgx struct{ Pool Pool }

func (w Pgx) Query(ctx context.Context) error {
	var balance int64
	return w.Pool.QueryRow(ctx, readSQL, anyAccount()).Scan(&balance)
}

func (w Pgx) Transfer(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.Pool, func(tx pgx.Tx) error {
		from, to := twoAccounts()
		var balance int64
		if err := tx.QueryRow(ctx, readSQL, from).Scan(&balance); err != nil {
			return err
		}
		time.Sleep(pause)
		return execAll(from, to, func(sql string, args ...any) error {
			_, err := tx.Exec(ctx, sql, args...)
			return err
		})
	})
}

func (w Pgx) Batch(ctx context.Context) error { return sendBatch(ctx, w.Pool) }
func (w Pgx) Copy(ctx context.Context) error  { return copyEvents(ctx, w.Pool) }

// execAll is the writing part of a transfer.
func execAll(from, to int, exec func(sql string, args ...any) error) error {
	if err := exec(changeSQL, from, -1); err != nil {
		return err
	}
	if err := exec(changeSQL, to, 1); err != nil {
		return err
	}
	return exec(eventSQL, from, "transfer")
}

func sendBatch(ctx context.Context, s sender) error {
	var b pgx.Batch
	for range 3 {
		b.Queue(readSQL, anyAccount()).QueryRow(func(row pgx.Row) error {
			var balance int64
			return row.Scan(&balance)
		})
	}
	b.Queue(eventSQL, anyAccount(), "batch").Exec(func(pgconn.CommandTag) error { return nil })
	return s.SendBatch(ctx, &b).Close()
}

func copyEvents(ctx context.Context, s sender) error {
	rows := pgx.CopyFromSlice(copied, func(int) ([]any, error) { return []any{anyAccount(), "copy"}, nil })
	_, err := s.CopyFrom(ctx, pgx.Identifier{"app", "events"}, []string{"account_id", "kind"}, rows)
	return err
}

func anyAccount() int { return 1 + rand.IntN(Accounts) }

// twoAccounts returns the lower first: transactions that lock in the same order do not end in a deadlock.
func twoAccounts() (from, to int) {
	from, to = anyAccount(), anyAccount()
	return min(from, to), max(from, to)
}

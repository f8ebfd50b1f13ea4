package main

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// work is what the application does with its database, whatever pool is between them.
type work interface {
	query(context.Context) error
	transfer(context.Context) error // a transaction
	batch(context.Context) error
	copy(context.Context) error
}

const (
	// accounts are enough for transactions not to meet often.
	accounts = 1000
	// pause is what a transaction takes besides its statements: the application thinks. It is what keeps
	// all connections busy without a machine at its limit.
	pause = 10 * time.Millisecond
	// copied is how many rows one copy carries.
	copied = 20
)

const (
	readSQL   = `SELECT balance FROM app.accounts WHERE id = $1`
	changeSQL = `UPDATE app.accounts SET balance = balance + $2 WHERE id = $1`
	eventSQL  = `INSERT INTO app.events (account_id, kind) VALUES ($1, $2)`
)

// pgxPool is what *pgxpool.Pool and *managedpool.Pool have in common, as far as it is used here: the same code
// works on both.
type pgxPool interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Begin(ctx context.Context) (pgx.Tx, error)
	sender
}

// sender is what a pool and a single connection have in common.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error)
}

// pgxWork is the work on a pool of pgx connections.
type pgxWork struct{ pool pgxPool }

func (w pgxWork) query(ctx context.Context) error {
	var balance int64
	return w.pool.QueryRow(ctx, readSQL, anyAccount()).Scan(&balance)
}

func (w pgxWork) transfer(ctx context.Context) error {
	return pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
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

func (w pgxWork) batch(ctx context.Context) error { return sendBatch(ctx, w.pool) }
func (w pgxWork) copy(ctx context.Context) error  { return copyEvents(ctx, w.pool) }

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

func anyAccount() int { return 1 + rand.IntN(accounts) }

// twoAccounts returns the lower first: transactions that lock in the same order do not end in a deadlock.
func twoAccounts() (from, to int) {
	from, to = anyAccount(), anyAccount()
	return min(from, to), max(from, to)
}

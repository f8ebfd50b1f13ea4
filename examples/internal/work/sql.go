package work

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// SQL is the work on a *sql.DB, the one that DB returns at the moment; the statements are those of [Pgx].
type SQL struct{ DB func() *sql.DB }

func (w SQL) Query(ctx context.Context) error {
	var balance int64
	return w.DB().QueryRowContext(ctx, readSQL, anyAccount()).Scan(&balance)
}

func (w SQL) Transfer(ctx context.Context) error {
	tx, err := w.DB().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := w.inside(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (w SQL) inside(ctx context.Context, tx *sql.Tx) error {
	from, to := twoAccounts()
	var balance int64
	if err := tx.QueryRowContext(ctx, readSQL, from).Scan(&balance); err != nil {
		return err
	}
	time.Sleep(pause)
	return execAll(from, to, func(sql string, args ...any) error {
		_, err := tx.ExecContext(ctx, sql, args...)
		return err
	})
}

func (w SQL) Batch(ctx context.Context) error { return w.onConn(ctx, sendBatch) }
func (w SQL) Copy(ctx context.Context) error  { return w.onConn(ctx, copyEvents) }

// onConn reaches through to pgx for what database/sql does not know.
func (w SQL) onConn(ctx context.Context, do func(context.Context, sender) error) error {
	conn, err := w.DB().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driverConn any) error {
		return do(ctx, driverConn.(*stdlib.Conn).Conn())
	})
}

package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
)

// sqlWork is the work on a *sql.DB, the same statements as in pgxWork.
type sqlWork struct{ db func() *sql.DB }

func (w sqlWork) query(ctx context.Context) error {
	var balance int64
	return w.db().QueryRowContext(ctx, readSQL, anyAccount()).Scan(&balance)
}

func (w sqlWork) transfer(ctx context.Context) error {
	tx, err := w.db().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := w.inside(ctx, tx); err != nil {
		return err
	}
	return tx.Commit()
}

func (w sqlWork) inside(ctx context.Context, tx *sql.Tx) error {
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

func (w sqlWork) batch(ctx context.Context) error { return w.onConn(ctx, sendBatch) }
func (w sqlWork) copy(ctx context.Context) error  { return w.onConn(ctx, copyEvents) }

// onConn reaches through to pgx for what database/sql does not know.
func (w sqlWork) onConn(ctx context.Context, do func(context.Context, sender) error) error {
	conn, err := w.db().Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(driverConn any) error {
		return do(ctx, driverConn.(*stdlib.Conn).Conn())
	})
}

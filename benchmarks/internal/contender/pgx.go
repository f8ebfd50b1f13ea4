package contender

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// querier has pgxpool's method.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// pgxPool is a contender with pgxpool's methods.
type pgxPool struct {
	querier
	end func()
}

func (p pgxPool) Do(ctx context.Context, sql string, id int) error {
	var balance int64
	return p.QueryRow(ctx, sql, id).Scan(&balance)
}

func (p pgxPool) Close() { p.end() }

// doSQL is the operation over database/sql.
func doSQL(ctx context.Context, db *sql.DB, query string, id int) error {
	var balance int64
	return db.QueryRowContext(ctx, query, id).Scan(&balance)
}

// sqlPool is a contender with database/sql's.
type sqlPool struct {
	db  *sql.DB
	end func()
}

func (p sqlPool) Do(ctx context.Context, query string, id int) error {
	return doSQL(ctx, p.db, query, id)
}

func (p sqlPool) Close() { p.end() }

// config is pgxpool's for a connection string, of the wanted size.
func (w World) config(dsn string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(w.Conns)
	return config, nil
}

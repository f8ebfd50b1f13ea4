package contender

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
)

// plain is what the others that use pgxpool are measured against. In each scenario it has a login that stays.
var plain = Contender{
	ID: "plain", Name: "plain pgxpool, no rotation", Floor: true,
	Text: "pgxpool with a login that never changes: what the load alone costs. Nothing happens to its login in any scenario.",
	Open: openPlain,
}

// plainSQL is the same over database/sql, whose callers who wait for a connection are not served in the order of their
// coming: its tail is longer before anything rotates.
var plainSQL = Contender{
	ID: "plainsql", Name: "plain *sql.DB, no rotation", Floor: true,
	Text: "The same over database/sql with pgx: the floor of the others that use it.",
	Open: openPlainSQL,
}

func openPlainSQL(ctx context.Context, w World) (Pool, error) {
	secret, err := w.Store.Get(ctx)
	if err != nil {
		return nil, err
	}
	db, err := openDB(w, secret)
	if err != nil {
		return nil, err
	}
	return sqlPool{db, func() { db.Close() }}, nil
}

func openPlain(ctx context.Context, w World) (Pool, error) {
	secret, err := w.Store.Get(ctx)
	if err != nil {
		return nil, err
	}
	config, err := w.config(w.dsn(secret))
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	return pgxPool{pool, pool.Close}, nil
}

package contender

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// logins is what a rotation cannot do without: what ours is slower than this is the hand-over's own; the rest is what
// logins cost, whoever makes them.
var logins = Contender{
	ID: "logins", Over: "plain", Name: "plain pgxpool, as many logins beside it", Extra: 1, Extension: true,
	Text: "pgxpool with a login that stays, while at each change of the secret as many connections as the pool has are made with the new login, " +
		"one after the other, and closed at once.",
	Open: openLogins,
}

func openLogins(ctx context.Context, w World) (Pool, error) {
	login, err := w.Lasting(ctx)
	if err != nil {
		return nil, err
	}
	config, err := w.config(w.DSN(login))
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	beside := watch(w.Store, func(ctx context.Context) error { return logInAndOut(ctx, w) })
	return pgxPool{pool, func() { beside.stop(); pool.Close() }}, nil
}

func logInAndOut(ctx context.Context, w World) error {
	secret, err := w.Store.Get(ctx)
	if err != nil {
		return err
	}
	for range w.Conns {
		conn, err := pgx.Connect(ctx, w.dsn(secret))
		if err != nil {
			return err
		}
		conn.Close(ctx)
	}
	return nil
}

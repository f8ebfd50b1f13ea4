package contender

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/benchmarks/internal/store"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

// Ours, with the default options.
var (
	inPlace = Contender{
		ID: "inplace", Over: "plain", Name: "rekey, in place", Ours: true, Extra: managedpool.DefaultHeadroom,
		Text: "managedpool with its defaults: connections are exchanged one by one.",
		Open: func(ctx context.Context, w World) (Pool, error) { return openManaged(ctx, w, managedpool.InPlace) },
	}
	replace = Contender{
		ID: "replace", Over: "plain", Name: "rekey, Replace", Ours: true, Extra: managedpool.DefaultHeadroom,
		Text: "managedpool with Mode: Replace: each login gets a pgxpool of its own.",
		Open: func(ctx context.Context, w World) (Pool, error) { return openManaged(ctx, w, managedpool.Replace) },
	}
	sqlDB = Contender{
		ID: "sqldb", Over: "plainsql", Name: "rekey, *sql.DB", Ours: true, Extra: sqladapter.DefaultHeadroom,
		Text: "sqladapter over pgx with its defaults: one *sql.DB for life.",
		Open: openSQLDB,
	}
)

func openManaged(ctx context.Context, w World, mode managedpool.Mode) (Pool, error) {
	config, err := w.config(w.dsn(store.Secret{User: "none", Password: "none"}))
	if err != nil {
		return nil, err
	}
	pool, err := managedpool.NewWithConfig(ctx, config, asSource{w.Store}, &managedpool.Options{Mode: mode})
	if err != nil {
		return nil, err
	}
	return pgxPool{pool, func() { shutdown(pool.Shutdown) }}, nil
}

func openSQLDB(ctx context.Context, w World) (Pool, error) {
	config, err := pgx.ParseConfig(w.dsn(store.Secret{User: "none", Password: "none"}))
	if err != nil {
		return nil, err
	}
	db, err := sqladapter.Open(ctx, sqladapter.Config{
		Source: asSource{w.Store}, Driver: pgxstdlib.New(config, nil), MaxOpenConns: w.Conns,
	})
	if err != nil {
		return nil, err
	}
	return sqlPool{db.DB, func() { shutdown(db.Shutdown) }}, nil
}

// shutdown ends a pool, in time.
func shutdown(end func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	end(ctx)
}

// asSource is the store as a source that notifies.
type asSource struct{ store *store.Store }

func (s asSource) Fetch(ctx context.Context) (source.Credential, error) {
	secret, err := s.store.Get(ctx)
	return source.Credential{
		Username: secret.User, Password: source.NewSecret(secret.Password), Version: secret.Version,
		IssuedAt: secret.IssuedAt, ExpiresAt: secret.ExpiresAt,
	}, err
}

func (s asSource) Changed() <-chan struct{} { return s.store.Changed() }

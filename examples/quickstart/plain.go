package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/examples/internal/stage"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// openPlain opens an ordinary pool with a login that stays.
func openPlain(ctx context.Context, issuer *testenv.Issuer, conns int) (*pgxpool.Pool, error) {
	login, err := issuer.Issue(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(stage.Sized(issuer, conns))
	if err != nil {
		return nil, err
	}
	config.ConnConfig.User, config.ConnConfig.Password = login.User, login.Password
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, errors.Join(errors.New("the plain pool"), err)
	}
	return pool, nil
}

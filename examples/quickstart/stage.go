package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// newStage makes a database with the application's tables, and an issuer of logins for it. Every pool has one of
// its own: whatever sessions are in it are the pool's.
func newStage(ctx context.Context, server *testenv.Postgres) (*testenv.Issuer, error) {
	db, err := server.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	// The private server logs every statement, for tests to read; a load would be slowed by it.
	if err := db.Set(ctx, "log_statement", "none"); err != nil {
		return nil, err
	}
	return testenv.NewIssuer(ctx, db, &testenv.IssuerOptions{Accounts: accounts})
}

// connString says where the database is, and not who logs in.
func connString(issuer *testenv.Issuer) string { return issuer.Database().DSN("", "") }

// sized is connString for a pool of pgx.
func sized(issuer *testenv.Issuer, conns int) string {
	return fmt.Sprintf("%s pool_max_conns=%d", connString(issuer), conns)
}

// openPlain opens an ordinary pool with a login that stays.
func openPlain(ctx context.Context, issuer *testenv.Issuer, conns int) (*pgxpool.Pool, error) {
	login, err := issuer.Issue(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(sized(issuer, conns))
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

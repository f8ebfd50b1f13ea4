// Package stage sets up the database that the examples play on.
package stage

import (
	"context"
	"fmt"

	"github.com/rekeyhq/rekey/examples/internal/work"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// New makes a database with the application's tables, and an issuer of logins for it. Every pool has one of
// its own: whatever sessions are in it are the pool's.
func New(ctx context.Context, server *testenv.Postgres) (*testenv.Issuer, error) {
	db, err := server.CreateDatabase(ctx)
	if err != nil {
		return nil, err
	}
	// The private server logs every statement, for tests to read; a load would be slowed by it.
	if err := db.Set(ctx, "log_statement", "none"); err != nil {
		return nil, err
	}
	return testenv.NewIssuer(ctx, db, &testenv.IssuerOptions{Accounts: work.Accounts})
}

// ConnString says where the database is, and not who logs in.
func ConnString(issuer *testenv.Issuer) string { return issuer.Database().DSN("", "") }

// Sized is ConnString for a pool of pgx.
func Sized(issuer *testenv.Issuer, conns int) string {
	return fmt.Sprintf("%s pool_max_conns=%d", ConnString(issuer), conns)
}

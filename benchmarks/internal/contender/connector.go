package contender

import (
	"context"
	"database/sql"

	"github.com/GoCodeAlone/go-db-credential-refresh/driver"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// connector is github.com/GoCodeAlone/go-db-credential-refresh v1.3.0, the way its examples/custom_store sets it up: a Store,
// a Connector for the driver pgx, database/sql over it, and a maximum lifetime, of which that example says: "In a
// production environment, Vault role TTLs and connection lifetime should be tuned".
var connector = Contender{
	ID: "connector", Over: "plainsql", Name: "go-db-credential-refresh", Extra: 0,
	Text: "github.com/GoCodeAlone/go-db-credential-refresh v1.3.0 over pgx: its Connector asks the store at each connect, and once more after " +
		"a refused password; " + remembers + ". As its example says, with a maximum lifetime of connections: " + lifetimes + ".",
	Open: openConnector,
}

func openConnector(_ context.Context, w World) (Pool, error) {
	registerPgx()
	c, err := driver.NewConnector(credentials{&lastGood{store: w.Store}}, "pgx", &driver.Config{
		// "Allow caller to override formatter": ours knows the server's TLS settings.
		Formatter: func(user, password, _ string, _ int, _ string, _ map[string]string) string {
			return w.DSN(server.Login{User: user, Password: password})
		},
	})
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(w.Conns)
	db.SetMaxIdleConns(w.Conns)
	db.SetConnMaxLifetime(w.lifetime())
	return sqlPool{db, func() { db.Close() }}, nil
}

// registerPgx does in tests what the package does by itself elsewhere; a second time it changes nothing.
func registerPgx() {
	_ = driver.Register("pgx", func() *driver.Driver {
		return &driver.Driver{Driver: &stdlib.Driver{}, Formatter: driver.PgFormatter, AuthError: driver.PostgreSQLAuthError}
	})
}

// credentials is our store as theirs. Their store for Vault gives out one login until that is refused; ours asks each time,
// so that a new login is used as soon as there is one, and remembers the last one for when it cannot.
type credentials struct{ store *lastGood }

func (c credentials) Get(ctx context.Context) (driver.Credentials, error) {
	secret, err := c.store.Get(ctx)
	if err != nil {
		return nil, err
	}
	return credential{secret}, nil
}

func (c credentials) Refresh(ctx context.Context) (driver.Credentials, error) { return c.Get(ctx) }

type credential struct{ secret store.Secret }

func (c credential) GetUsername() string { return c.secret.User }
func (c credential) GetPassword() string { return c.secret.Password }

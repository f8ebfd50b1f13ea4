// Package snippets shows how other libraries take the *sql.DB of package sqladapter, and how it takes other drivers. It compiles,
// and that is all.
package snippets

import (
	"database/sql/driver"
	"net/url"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// Sqlx is a *sqlx.DB; the name is that of the placeholders' style, not of a driver that is opened.
func Sqlx(db *sqladapter.DB) *sqlx.DB { return sqlx.NewDb(db.DB, "pgx") }

// Bun is a *bun.DB.
func Bun(db *sqladapter.DB) *bun.DB { return bun.NewDB(db.DB, pgdialect.New()) }

// Ent is the driver for the client that ent generates: ent.NewClient(ent.Driver(snippets.Ent(db))).
func Ent(db *sqladapter.DB) *entsql.Driver { return entsql.OpenDB(dialect.Postgres, db.DB) }

// SQLServer makes a driver that is not ready-made, here one for SQL Server, follow its credentials: d is what its package
// registers, and host where its server is.
func SQLServer(d driver.Driver, host string) sqladapter.Driver {
	return sqladapter.DSN(d, func(c source.Credential) (string, error) {
		u := url.URL{Scheme: "sqlserver", Host: host, User: url.UserPassword(c.Username, c.Password.Reveal())}
		return u.String(), nil
	})
}

// Package snippets shows how other libraries take the *sql.DB of package sqladapter. It compiles, and that is all.
package snippets

import (
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/rekeyhq/rekey/sqladapter"
)

// Sqlx is a *sqlx.DB; the name is that of the placeholders' style, not of a driver that is opened.
func Sqlx(db *sqladapter.DB) *sqlx.DB { return sqlx.NewDb(db.DB, "pgx") }

// Bun is a *bun.DB.
func Bun(db *sqladapter.DB) *bun.DB { return bun.NewDB(db.DB, pgdialect.New()) }

// Ent is the driver for the client that ent generates: ent.NewClient(ent.Driver(snippets.Ent(db))).
func Ent(db *sqladapter.DB) *entsql.Driver { return entsql.OpenDB(dialect.Postgres, db.DB) }

// Package sqladapter compares the *sql.DB of package sqladapter with a plain one of the same driver. Names are made for
// benchstat: -col /pool sets the two side by side.
package sqladapter

import (
	"context"
	"database/sql"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/libpq"
	"github.com/rekeyhq/rekey/sqladapter/mysql"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

func TestMain(m *testing.M) { envtest.Main(m) }

const size = 4

// pair is a plain DB and ours.
type pair struct{ plain, ours *sql.DB }

func open(b *testing.B, plain *sql.DB, user, password string, d sqladapter.Driver) pair {
	b.Helper()
	plain.SetMaxOpenConns(size)
	plain.SetMaxIdleConns(size)
	b.Cleanup(func() { plain.Close() })
	db, err := sqladapter.Open(b.Context(), sqladapter.Config{Source: static(user, password), Driver: d, MaxOpenConns: size})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return pair{plain, db.DB}
}

// static is a source of one login.
func static(user, password string) source.Source {
	return source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: user, Password: source.NewSecret(password)}, nil
	})
}

// openPools makes database/sql over a pool, pgxpool's own and ours. Neither DB keeps idle connections: the pools do.
func openPools(b *testing.B) pair {
	b.Helper()
	config, err := pgxpool.ParseConfig(envtest.Database(b).AdminDSN())
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = size
	plain, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(plain.Close)
	login := config.ConnConfig
	ours, err := managedpool.NewWithConfig(b.Context(), config, static(login.User, login.Password), nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(ours.Close)
	over, err := pgxstdlib.OpenDB(ours)
	if err != nil {
		b.Fatal(err)
	}
	p := pair{stdlib.OpenDBFromPool(plain), over}
	b.Cleanup(func() {
		p.plain.Close()
		p.ours.Close()
	})
	return p
}

// names are the drivers in their order.
var names = []string{"pgx", "pgxpool", "libpq", "mysql"}

// drivers make a pair for each driver.
var drivers = map[string]func(*testing.B) pair{
	"pgx": func(b *testing.B) pair {
		config, err := pgx.ParseConfig(envtest.Database(b).AdminDSN())
		if err != nil {
			b.Fatal(err)
		}
		return open(b, stdlib.OpenDB(*config), config.User, config.Password, pgxstdlib.New(config, nil))
	},
	"pgxpool": openPools,
	"libpq": func(b *testing.B) pair {
		config, err := pq.NewConfig(envtest.Database(b).AdminDSN())
		if err != nil {
			b.Fatal(err)
		}
		connector, err := pq.NewConnectorConfig(config)
		if err != nil {
			b.Fatal(err)
		}
		return open(b, sql.OpenDB(connector), config.User, config.Password, libpq.New(config))
	},
	"mysql": func(b *testing.B) pair {
		issuer := envtest.MariaIssuer(b)
		login, err := issuer.Issue(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		connector, err := driver.NewConnector(issuer.Config(login))
		if err != nil {
			b.Fatal(err)
		}
		return open(b, sql.OpenDB(connector), login.User, login.Password, mysql.New(issuer.Config(login)))
	},
}

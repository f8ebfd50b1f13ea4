// Package hotpath compares what callers of a pool do all the time with plain pgxpool: taking a connection, a query. Names are
// made for benchstat: -col /pool sets the pools side by side.
package hotpath

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// pool is what is asked for of each.
type pool interface {
	Acquire(context.Context) (*pgxpool.Conn, error)
	QueryRow(context.Context, string, ...any) pgx.Row
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
	Begin(context.Context) (pgx.Tx, error)
}

// contender is a pool with its name.
type contender struct {
	name string
	pool pool
}

// contenders are pools on the same database, with the same login, with so many connections, all open: nobody waits for one.
// Plain pgxpool is the first.
func contenders(b *testing.B, conns int) []contender {
	b.Helper()
	issuer := envtest.Issuer(b)
	login, err := issuer.Issue(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	config, err := pgxpool.ParseConfig(issuer.DSN(login))
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = int32(conns)
	list := []contender{
		{"plain", plain(b, config)},
		{"rekey", managed(b, config, login, managedpool.InPlace)},
		{"rekey-replace", managed(b, config, login, managedpool.Replace)},
	}
	for _, c := range list {
		fill(b, c.pool, conns)
	}
	return list
}

func plain(b *testing.B, config *pgxpool.Config) *pgxpool.Pool {
	b.Helper()
	p, err := pgxpool.NewWithConfig(b.Context(), config.Copy())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

func managed(b *testing.B, config *pgxpool.Config, login testenv.Login, mode managedpool.Mode) *managedpool.Pool {
	b.Helper()
	src := source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}, nil
	})
	p, err := managedpool.NewWithConfig(b.Context(), config, src, &managedpool.Options{Mode: mode})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

// fill opens all connections.
func fill(b *testing.B, p pool, conns int) {
	b.Helper()
	for range conns {
		conn, err := p.Acquire(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		defer conn.Release()
	}
}

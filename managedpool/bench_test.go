package managedpool_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// benchConns is the size of the pools that are compared.
const benchConns = 64

// querier is what both pools are asked for.
type querier interface {
	Acquire(context.Context) (*pgxpool.Conn, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

// BenchmarkAcquire compares Acquire and Release of a warm pool with pgxpool's own, in pairs.
func BenchmarkAcquire(b *testing.B) {
	compare(b, func(ctx context.Context, pool querier) error {
		c, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		c.Release()
		return nil
	})
}

// BenchmarkQueryRow compares a trivial query with pgxpool's own.
func BenchmarkQueryRow(b *testing.B) {
	compare(b, func(ctx context.Context, pool querier) error {
		var one int
		return pool.QueryRow(ctx, "select 1").Scan(&one)
	})
}

func compare(b *testing.B, operation func(context.Context, querier) error) {
	pools := benchPools(b)
	for _, n := range []int{1, 8, 64} {
		for _, name := range []string{"plain", "managed", "replace"} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) { spread(b, n, pools[name], operation) })
		}
	}
}

// spread runs b.N operations from n goroutines.
func spread(b *testing.B, n int, pool querier, operation func(context.Context, querier) error) {
	b.ReportAllocs()
	ctx := context.Background()
	var workers sync.WaitGroup
	for w := range n {
		share := b.N / n
		if w < b.N%n {
			share++
		}
		workers.Go(func() {
			for range share {
				if err := operation(ctx, pool); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

// benchPools returns pools on the same database, with the same login, all filled: pgxpool's own, and ours in both
// modes.
func benchPools(b *testing.B) map[string]querier {
	b.Helper()
	issuer := envtest.Issuer(b)
	ctx := context.Background()
	login, err := issuer.Issue(ctx)
	if err != nil {
		b.Fatal(err)
	}
	dsn := issuer.Database().DSN(login.User, login.Password) + fmt.Sprintf(" pool_max_conns=%d", benchConns)
	p, err := pgxpool.New(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	pools := map[string]querier{"plain": p}
	for name, mode := range map[string]managedpool.Mode{"managed": managedpool.InPlace, "replace": managedpool.Replace} {
		m, err := managedpool.New(ctx, dsn, source.Func(func(context.Context) (source.Credential, error) {
			return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}, nil
		}), &managedpool.Options{Mode: mode})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(m.Close)
		pools[name] = m
	}
	for _, pool := range pools {
		fill(b, pool)
	}
	return pools
}

func fill(b *testing.B, pool querier) {
	b.Helper()
	for range benchConns {
		c, err := pool.Acquire(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		defer c.Release()
	}
}

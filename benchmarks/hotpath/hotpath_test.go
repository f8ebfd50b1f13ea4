package hotpath

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// BenchmarkAcquire takes a connection and gives it back.
func BenchmarkAcquire(b *testing.B) {
	compare(b, []int{1, 8, 32}, func(ctx context.Context, p pool) error {
		conn, err := p.Acquire(ctx)
		if err == nil {
			conn.Release()
		}
		return err
	})
}

// BenchmarkQueryRow is a trivial query.
func BenchmarkQueryRow(b *testing.B) {
	compare(b, []int{1, 8}, func(ctx context.Context, p pool) error {
		var one int
		return p.QueryRow(ctx, "select 1").Scan(&one)
	})
}

// BenchmarkTx is a trivial query in a transaction.
func BenchmarkTx(b *testing.B) {
	compare(b, []int{1}, func(ctx context.Context, p pool) error {
		return pgx.BeginFunc(ctx, p, func(tx pgx.Tx) error {
			var one int
			return tx.QueryRow(ctx, "select 1").Scan(&one)
		})
	})
}

// BenchmarkBatch is ten of them in a batch.
func BenchmarkBatch(b *testing.B) {
	compare(b, []int{1}, func(ctx context.Context, p pool) error {
		batch := &pgx.Batch{}
		for range 10 {
			batch.Queue("select 1")
		}
		return p.SendBatch(ctx, batch).Close()
	})
}

// compare runs an operation on each pool, from so many goroutines.
func compare(b *testing.B, goroutines []int, operation func(context.Context, pool) error) {
	list := contenders(b, slices.Max(goroutines))
	for _, n := range goroutines {
		for _, c := range list {
			b.Run(fmt.Sprintf("goroutines=%d/pool=%s", n, c.name), func(b *testing.B) { spread(b, n, c.pool, operation) })
		}
	}
}

// spread runs b.N operations from n goroutines.
func spread(b *testing.B, n int, p pool, operation func(context.Context, pool) error) {
	b.ReportAllocs()
	ctx := b.Context()
	var workers sync.WaitGroup
	for w := range n {
		share := (b.N + w) / n
		workers.Go(func() {
			for range share {
				if err := operation(ctx, p); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	workers.Wait()
}

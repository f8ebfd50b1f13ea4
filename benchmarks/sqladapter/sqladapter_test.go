package sqladapter

import (
	"context"
	"database/sql"
	"testing"
)

// BenchmarkQuery is a query without arguments.
func BenchmarkQuery(b *testing.B) {
	compare(b, func(_ *testing.B, db *sql.DB) func(context.Context) error {
		return func(ctx context.Context) error {
			var one int
			return db.QueryRowContext(ctx, "select 1").Scan(&one)
		}
	})
}

// BenchmarkPrepared is one that was prepared on the DB.
func BenchmarkPrepared(b *testing.B) {
	compare(b, func(b *testing.B, db *sql.DB) func(context.Context) error {
		stmt, err := db.PrepareContext(b.Context(), "select 1")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { stmt.Close() })
		return func(ctx context.Context) error {
			var one int
			return stmt.QueryRowContext(ctx).Scan(&one)
		}
	})
}

// BenchmarkTx is a query in a transaction.
func BenchmarkTx(b *testing.B) {
	compare(b, func(_ *testing.B, db *sql.DB) func(context.Context) error {
		return func(ctx context.Context) error {
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			defer tx.Rollback()
			var one int
			if err := tx.QueryRowContext(ctx, "select 1").Scan(&one); err != nil {
				return err
			}
			return tx.Commit()
		}
	})
}

// BenchmarkConn takes a connection and gives it back, without asking the server for anything.
func BenchmarkConn(b *testing.B) {
	compare(b, func(_ *testing.B, db *sql.DB) func(context.Context) error {
		return func(ctx context.Context) error {
			conn, err := db.Conn(ctx)
			if err != nil {
				return err
			}
			return conn.Close()
		}
	})
}

// compare runs an operation over both DBs of each driver.
func compare(b *testing.B, prepare func(*testing.B, *sql.DB) func(context.Context) error) {
	for _, name := range names {
		b.Run("driver="+name, func(b *testing.B) {
			p := drivers[name](b)
			run(b, "plain", p.plain, prepare)
			run(b, "rekey", p.ours, prepare)
		})
	}
}

func run(b *testing.B, name string, db *sql.DB, prepare func(*testing.B, *sql.DB) func(context.Context) error) {
	operation := prepare(b, db)
	if err := operation(b.Context()); err != nil { // which connects
		b.Fatal(err)
	}
	b.Run("pool="+name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := operation(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

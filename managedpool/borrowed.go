package managedpool

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// The types of this file give their connection back when they end, as those of pgxpool's own methods do. Replace mode
// needs them: it must know which pgxpool gives a connection before a statement is sent.

// borrowedRows are rows that hold a connection until they are closed.
type borrowedRows struct {
	pgx.Rows
	conn *Conn
}

func (r *borrowedRows) Close() {
	r.Rows.Close()
	r.conn.Release()
}

func (r *borrowedRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *borrowedRows) Scan(dest ...any) error {
	err := r.Rows.Scan(dest...)
	if err != nil {
		r.Close()
	}
	return err
}

func (r *borrowedRows) Values() ([]any, error) {
	values, err := r.Rows.Values()
	if err != nil {
		r.Close()
	}
	return values, err
}

// failedRows are the rows of a query that found no connection.
type failedRows struct{ err error }

func (failedRows) Close()                                       {}
func (r failedRows) Err() error                                 { return r.err }
func (failedRows) CommandTag() pgconn.CommandTag                { return pgconn.CommandTag{} }
func (failedRows) FieldDescriptions() []pgconn.FieldDescription { return nil }
func (failedRows) Next() bool                                   { return false }
func (r failedRows) Scan(...any) error                          { return r.err }
func (r failedRows) Values() ([]any, error)                     { return nil, r.err }
func (failedRows) RawValues() [][]byte                          { return nil }
func (failedRows) Conn() *pgx.Conn                              { return nil }
func (failedRows) TypeMap() *pgtype.Map                         { return nil }

// borrowedRow is a row that holds a connection until it is scanned.
type borrowedRow struct {
	row  pgx.Row
	conn *Conn
}

func (r *borrowedRow) Scan(dest ...any) error {
	defer r.conn.Release()
	return r.row.Scan(dest...)
}

// failedRow is the row of a query that found no connection.
type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

// borrowedTx is a transaction that holds a connection until its end.
type borrowedTx struct {
	pgx.Tx
	conn *Conn
}

func (tx *borrowedTx) Commit(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Commit(ctx)
}

func (tx *borrowedTx) Rollback(ctx context.Context) error {
	defer tx.conn.Release()
	return tx.Tx.Rollback(ctx)
}

// borrowedBatch holds a connection until it is closed, or until the transaction that it has begun ends.
type borrowedBatch struct {
	pgx.BatchResults
	conn *Conn
	tx   *borrowedTx
}

func newBorrowedBatch(results pgx.BatchResults, conn *Conn) *borrowedBatch {
	b := &borrowedBatch{BatchResults: results, conn: conn}
	if tx := results.Tx(); tx != nil {
		b.tx = &borrowedTx{Tx: tx, conn: conn}
	}
	return b
}

func (b *borrowedBatch) Close() error {
	err := b.BatchResults.Close()
	if b.tx == nil {
		b.conn.Release()
	}
	return err
}

func (b *borrowedBatch) Tx() pgx.Tx {
	if b.tx == nil {
		return nil
	}
	return b.tx
}

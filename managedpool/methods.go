package managedpool

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"
)

// The methods of this file are those of *pgxpool.Pool, with the same meaning. Where they make a connection and
// the server refuses its login, they wait for a better one within the caller's context and Options.MaxHold. Errors of
// methods that return one say why there was no connection (ErrLoginRefused, ErrCredentialExpired, ErrClosed); those of
// QueryRow's Scan and of SendBatch's results are pgxpool's own, and may say only that the context has ended.

// Acquire returns a connection. Its errors may wrap ErrCredentialExpired, ErrLoginRefused and ErrClosed.
func (p *Pool) Acquire(ctx context.Context) (*Conn, error) {
	if p.inner == nil {
		c, err := p.acquire(ctx)
		return c, p.because(err)
	}
	c, err := p.inner.Acquire(ctx)
	return c, p.because(err)
}

// because adds to an error why there was no connection to be had: the pool is closed, or the caller's context has
// ended while the server refuses the login, or while there is none. A context that ended during a statement comes
// wrapped, from pgx; that of an acquire comes as it is, from puddle.
func (p *Pool) because(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, puddle.ErrClosedPool) {
		return fmt.Errorf("%w (%w)", err, ErrClosed)
	}
	if err != context.DeadlineExceeded && err != context.Canceled {
		return err
	}
	if err == context.Canceled && p.inner != nil {
		p.callers.hungUp.Add(1) // in Replace mode that is counted before
	}
	if trouble := p.engine.View().Trouble(); trouble != nil {
		return fmt.Errorf("%w: %w", err, trouble)
	}
	return err
}

// AcquireFunc acquires a connection for the duration of f.
func (p *Pool) AcquireFunc(ctx context.Context, f func(*Conn) error) error {
	c, err := p.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	return f(c)
}

// AcquireAllIdle acquires every idle connection.
func (p *Pool) AcquireAllIdle(ctx context.Context) []*Conn {
	var idle []*Conn
	for _, b := range p.open() {
		idle = append(idle, b.acquireAllIdle(ctx)...)
	}
	return idle
}

// Exec executes sql on a connection of the pool.
func (p *Pool) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	if p.inner != nil {
		tag, err := p.inner.Exec(ctx, sql, arguments...)
		return tag, p.because(err)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer c.Release()
	return c.Exec(ctx, sql, arguments...)
}

// Query executes sql and returns its rows, which hold a connection until they are closed.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if p.inner != nil {
		rows, err := p.inner.Query(ctx, sql, args...)
		return rows, p.because(err)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return failedRows{err: err}, err
	}
	rows, err := c.Query(ctx, sql, args...)
	if err != nil {
		c.Release()
		return failedRows{err: err}, err
	}
	return &borrowedRows{Rows: rows, conn: c}, nil
}

// QueryRow executes sql and returns its first row, whose Scan returns the error and the connection.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	if p.inner != nil {
		return p.inner.QueryRow(ctx, sql, args...)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return failedRow{err}
	}
	return &borrowedRow{row: c.QueryRow(ctx, sql, args...), conn: c}
}

// SendBatch sends a batch; its results hold a connection until they are closed.
func (p *Pool) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if p.inner != nil {
		return p.inner.SendBatch(ctx, b)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return newBorrowedBatch(c.SendBatch(ctx, b), c)
}

// Begin begins a transaction.
func (p *Pool) Begin(ctx context.Context) (pgx.Tx, error) { return p.BeginTx(ctx, pgx.TxOptions{}) }

// BeginTx begins a transaction with options.
func (p *Pool) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	if p.inner != nil {
		tx, err := p.inner.BeginTx(ctx, options)
		return tx, p.because(err)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	tx, err := c.BeginTx(ctx, options)
	if err != nil {
		c.Release()
		return nil, err
	}
	return &borrowedTx{Tx: tx, conn: c}, nil
}

// CopyFrom copies rows into a table.
func (p *Pool) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, rows pgx.CopyFromSource) (int64, error) {
	if p.inner != nil {
		n, err := p.inner.CopyFrom(ctx, table, columns, rows)
		return n, p.because(err)
	}
	c, err := p.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Release()
	return c.CopyFrom(ctx, table, columns, rows)
}

// Ping executes an empty statement. It does not prove that the login still works: PostgreSQL answers it even
// when the role has been dropped. See Status.
func (p *Pool) Ping(ctx context.Context) error {
	return p.AcquireFunc(ctx, func(c *Conn) error { return c.Ping(ctx) })
}

// Reset closes all connections, those in use when they come back. The place of each is free when it is gone.
func (p *Pool) Reset() {
	p.handover.dropSpare()
	p.sessions.outdate()
	p.closeIdle(func(s *session) bool { return s.outdated.Load() })
}

// Stat returns the statistics of the pgxpool in use; in Replace mode that is the current generation's, without what the
// generations before it still have, and callers who wait do so in a line before it: its counts of empty and cancelled
// acquires do not know of them, and those of connections know of attempts that were routed elsewhere; PoolStats does not
// have these faults. Connections that
// the pool itself has taken for a moment, in a hand-over, count as acquired. A new pool begins with one
// connection and one acquire: the session on which the credential was verified.
func (p *Pool) Stat() *Stat { return p.current().backing.pool.Stat() }

// Config returns a copy of the configuration that the pool was made with, without what NextConfig has changed since.
func (p *Pool) Config() *Config { return p.config.Copy() }

// Unwrap returns the pgxpool beneath, for libraries that take the concrete type. It is the same for the life of
// the pool and follows the credentials as the pool does. Close it through the Pool only. In Replace mode there is no
// such thing: it returns nil.
func (p *Pool) Unwrap() *pgxpool.Pool { return p.inner }

// Refresh asks the source now and waits for the outcome: nil when the login in use is what the source says, or
// was replaced by it. An error leaves everything as it was.
func (p *Pool) Refresh(ctx context.Context) error { return p.engine.Refresh(ctx) }

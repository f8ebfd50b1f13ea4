// Package wrap puts connections of a driver into ones that tell an owner what happens to them. A wrapped connection has
// the optional interfaces of the driver's own, and no others but driver.Validator; so have its statements. Rows,
// results and transactions are the driver's own.
//
// Of interfaces that the driver has in their old form only (driver.Execer, driver.Queryer) a wrapped connection has the
// form with a context, and does what database/sql would do.
package wrap

import (
	"context"
	"database/sql/driver"
	"errors"
)

// Owner hears of a connection. Its methods are called by whoever uses the connection, one at a time.
type Owner interface {
	// Close closes the driver's connection, or whatever else is to happen then.
	Close(inner driver.Conn) error
	// Stays reports whether a connection that comes home may be used once more.
	Stays() bool
	// Reused is asked before a connection is used once more; it may return driver.ErrBadConn.
	Reused(ctx context.Context) error
	// Failed hears of every error but driver.ErrSkip.
	Failed(err error)
}

//go:generate go run gen.go

// conn is what every wrapped connection has. The types of compose_conn.go add the optional interfaces.
type conn struct {
	inner driver.Conn
	owner Owner

	// The inner connection's abilities, nil where it has none.

	pings    driver.Pinger
	executes driver.ExecerContext
	queries  driver.QueryerContext
	prepares driver.ConnPrepareContext
	begins   driver.ConnBeginTx
	checks   driver.NamedValueChecker
	resets   driver.SessionResetter
}

// Conn wraps inner for owner.
func Conn(inner driver.Conn, owner Owner) driver.Conn {
	c := &conn{inner: inner, owner: owner}
	c.pings, _ = inner.(driver.Pinger)
	c.executes = execerOf(inner)
	c.queries = queryerOf(inner)
	c.prepares, _ = inner.(driver.ConnPrepareContext)
	c.begins, _ = inner.(driver.ConnBeginTx)
	c.checks, _ = inner.(driver.NamedValueChecker)
	c.resets, _ = inner.(driver.SessionResetter)
	return composeConn(c)
}

// OwnerOf returns the owner of a wrapped connection, nil for any other.
func OwnerOf(c driver.Conn) Owner {
	if w, ok := c.(interface{ ownerOf() Owner }); ok {
		return w.ownerOf()
	}
	return nil
}

func (c *conn) ownerOf() Owner { return c.owner }

// Unwrap returns the driver's connection, also from beneath two wrappers.
func (c *conn) Unwrap() driver.Conn {
	if w, ok := c.inner.(interface{ Unwrap() driver.Conn }); ok {
		return w.Unwrap()
	}
	return c.inner
}

func (c *conn) Close() error { return c.owner.Close(c.inner) }

// IsValid asks the driver first, then the owner.
func (c *conn) IsValid() bool {
	if v, ok := c.inner.(driver.Validator); ok && !v.IsValid() {
		return false
	}
	return c.owner.Stays()
}

func (c *conn) Prepare(query string) (driver.Stmt, error) {
	s, err := c.inner.Prepare(query)
	return c.prepared(s, err)
}

func (c *conn) prepared(s driver.Stmt, err error) (driver.Stmt, error) {
	if err != nil {
		return nil, c.failed(err)
	}
	return newStmt(s, c.owner), nil
}

// Begin is for drivers without BeginTx.
func (c *conn) Begin() (driver.Tx, error) {
	tx, err := c.inner.Begin() //lint:ignore SA1019 the driver has nothing newer
	return tx, c.failed(err)
}

func (c *conn) failed(err error) error {
	if err != nil && err != driver.ErrSkip {
		c.owner.Failed(err)
	}
	return err
}

// The parts of a wrapped connection that depend on the driver.
type (
	pinger   struct{ c *conn }
	execer   struct{ c *conn }
	queryer  struct{ c *conn }
	preparer struct{ c *conn }
	beginner struct{ c *conn }
	checker  struct{ c *conn }
	resetter struct{ c *conn }
)

func (p pinger) Ping(ctx context.Context) error { return p.c.failed(p.c.pings.Ping(ctx)) }

func (e execer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	result, err := e.c.executes.ExecContext(ctx, query, args)
	return result, e.c.failed(err)
}

func (q queryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	rows, err := q.c.queries.QueryContext(ctx, query, args)
	return rows, q.c.failed(err)
}

func (p preparer) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := p.c.prepares.PrepareContext(ctx, query)
	return p.c.prepared(s, err)
}

func (b beginner) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := b.c.begins.BeginTx(ctx, opts)
	return tx, b.c.failed(err)
}

func (n checker) CheckNamedValue(v *driver.NamedValue) error { return n.c.checks.CheckNamedValue(v) }

func (r resetter) ResetSession(ctx context.Context) error {
	if err := r.c.owner.Reused(ctx); err != nil {
		return err
	}
	return r.c.resets.ResetSession(ctx)
}

// execerOf returns the ability to execute a statement without preparing it.
func execerOf(c driver.Conn) driver.ExecerContext {
	if e, ok := c.(driver.ExecerContext); ok {
		return e
	}
	//lint:ignore SA1019 the driver has nothing newer
	if e, ok := c.(driver.Execer); ok {
		return oldExecer{e}
	}
	return nil
}

func queryerOf(c driver.Conn) driver.QueryerContext {
	if q, ok := c.(driver.QueryerContext); ok {
		return q
	}
	//lint:ignore SA1019 the driver has nothing newer
	if q, ok := c.(driver.Queryer); ok {
		return oldQueryer{q}
	}
	return nil
}

type oldExecer struct {
	driver.Execer
}

func (e oldExecer) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	values, err := oldValues(ctx, args)
	if err != nil {
		return nil, err
	}
	return e.Exec(query, values)
}

type oldQueryer struct {
	driver.Queryer
}

func (q oldQueryer) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	values, err := oldValues(ctx, args)
	if err != nil {
		return nil, err
	}
	return q.Query(query, values)
}

// oldValues does what database/sql does for a driver that knows neither contexts nor names.
func oldValues(ctx context.Context, args []driver.NamedValue) ([]driver.Value, error) {
	values := make([]driver.Value, len(args))
	for i, a := range args {
		if a.Name != "" {
			return nil, errors.New("sql: driver does not support the use of Named Parameters")
		}
		values[i] = a.Value
	}
	return values, ctx.Err()
}

package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/rekeyhq/rekey/source"
)

// noSource is a source that never gives anything.
var noSource = source.Func(func(context.Context) (source.Credential, error) { return source.Credential{}, errors.New("no") })

// breaks is the statement on which a connection of a broken driver breaks.
const breaks = "break"

// breaking makes connections that break on a statement, and of which nothing tells but the error.
func breaking(inner func(source.Credential) (driver.Connector, error)) func(source.Credential) (driver.Connector, error) {
	return func(c source.Credential) (driver.Connector, error) {
		made, err := inner(c)
		return breakingConnector{made}, err
	}
}

type breakingConnector struct{ driver.Connector }

func (c breakingConnector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return breakingConn{conn}, nil
}

// breakingConn has hardly any of the optional interfaces of what it wraps.
type breakingConn struct{ driver.Conn }

func (c breakingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query == breaks {
		return nil, driver.ErrBadConn
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c breakingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (c breakingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, opts)
}

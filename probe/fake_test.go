package probe_test

import (
	"context"

	"github.com/rekeyhq/rekey/probe"
)

// fakeConn writes down what it is asked to run.
type fakeConn struct {
	statements []string
	ended      error // why the context of the last statement had ended, if it had
	fail       func(statement string) error
}

func (c *fakeConn) Exec(ctx context.Context, statement string, _ ...any) error {
	c.statements = append(c.statements, statement)
	c.ended = ctx.Err()
	if c.fail == nil {
		return nil
	}
	return c.fail(statement)
}

func (c *fakeConn) Query(ctx context.Context, query string, _ ...string) ([][]string, error) {
	return nil, c.Exec(ctx, query)
}

// countingConn counts the queries.
type countingConn struct {
	probe.Conn
	queries int
}

func (c *countingConn) Query(ctx context.Context, query string, args ...string) ([][]string, error) {
	c.queries++
	return c.Conn.Query(ctx, query, args...)
}

// Package pgxprobe lets package probe check a login over a pgx connection. It is apart from probe so that users
// of other drivers do not link pgx.
package pgxprobe

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/probe"
)

// Conn makes a [probe.Conn] of a pgx connection. The caller's statements run in the connection's own query mode, so
// that arguments are encoded as in the application; the probe's own queries run unprepared, in one round trip each.
func Conn(conn *pgx.Conn) probe.Conn { return pgxConn{conn: conn} }

type pgxConn struct{ conn *pgx.Conn }

func (c pgxConn) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := c.conn.Exec(ctx, statement, args...)
	return err
}

func (c pgxConn) Query(ctx context.Context, query string, args ...string) ([][]string, error) {
	rows, err := c.conn.Query(ctx, query, c.withMode(args)...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, textRow)
}

// withMode puts the query mode before the arguments. A connection that was told to use the simple protocol (for a
// proxy that knows no other) keeps to it.
func (c pgxConn) withMode(args []string) []any {
	mode := pgx.QueryExecModeExec
	if c.conn.Config().DefaultQueryExecMode == pgx.QueryExecModeSimpleProtocol {
		mode = pgx.QueryExecModeSimpleProtocol
	}
	out := []any{mode}
	for _, a := range args {
		out = append(out, a)
	}
	return out
}

// textRow copies a row whose columns are all text, which both wire formats show alike. NULL becomes empty.
func textRow(row pgx.CollectableRow) ([]string, error) {
	values := row.RawValues()
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out, nil
}

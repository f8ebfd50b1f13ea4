package probe

import (
	"context"
	"database/sql"
)

// SQL makes a [Conn] of a connection of database/sql. It takes a single connection rather than a *sql.DB, because
// a probe's statements belong to one session, that of the login under check.
func SQL(conn *sql.Conn) Conn { return sqlConn{conn: conn} }

type sqlConn struct{ conn *sql.Conn }

func (c sqlConn) Exec(ctx context.Context, statement string, args ...any) error {
	_, err := c.conn.ExecContext(ctx, statement, args...)
	return err
}

func (c sqlConn) Query(ctx context.Context, query string, args ...string) ([][]string, error) {
	rows, err := c.conn.QueryContext(ctx, query, anySlice(args)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var all [][]string
	for rows.Next() {
		row, err := scanText(rows, len(columns))
		if err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, rows.Err()
}

// scanText reads the current row, whose columns are all text.
func scanText(rows *sql.Rows, columns int) ([]string, error) {
	values := make([]sql.NullString, columns)
	targets := make([]any, columns)
	for i := range values {
		targets[i] = &values[i]
	}
	if err := rows.Scan(targets...); err != nil {
		return nil, err
	}
	row := make([]string, columns)
	for i, v := range values {
		row[i] = v.String
	}
	return row, nil
}

func anySlice(args []string) []any {
	out := make([]any, len(args))
	for i, a := range args {
		out[i] = a
	}
	return out
}

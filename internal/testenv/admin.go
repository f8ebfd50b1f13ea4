package testenv

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// admin is one connection of the superuser, made when it is needed and made again when it was lost. It does one
// thing at a time.
type admin struct {
	dsn string

	mu   sync.Mutex // guards the rest, also while the connection works
	conn *pgx.Conn
	used time.Time
}

// restIsSuspicious is shorter than any restart of a server takes: a connection used less than this ago is alive.
const restIsSuspicious = 20 * time.Millisecond

// use calls f with the connection.
func (a *admin) use(ctx context.Context, f func(*pgx.Conn) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.ready(ctx); err != nil {
		return err
	}
	defer func() { a.used = time.Now() }()
	return f(a.conn)
}

// ready connects if there is no living connection.
func (a *admin) ready(ctx context.Context) error {
	if a.conn != nil && !a.conn.IsClosed() && time.Since(a.used) > restIsSuspicious {
		a.conn.Ping(ctx) // closes the connection if it is dead
	}
	if a.conn != nil && !a.conn.IsClosed() {
		return nil
	}
	conn, err := pgx.Connect(ctx, a.dsn)
	if err != nil {
		return err
	}
	a.conn = conn
	return nil
}

// exec runs any number of statements in one round trip and one transaction. Others may change the same rows of
// the catalogues at the same time, which PostgreSQL answers with an error; then it tries again.
func (a *admin) exec(ctx context.Context, sql string) (results []*pgconn.Result, err error) {
	for {
		err = a.use(ctx, func(conn *pgx.Conn) error {
			results, err = conn.PgConn().Exec(ctx, sql).ReadAll()
			return err
		})
		if !collided(err) || ctx.Err() != nil {
			return results, err
		}
	}
}

// collided reports whether err comes from a change of the catalogues at the same time as another.
func collided(err error) bool {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) {
		return false
	}
	const deadlock, internal = "40P01", "XX000"
	return pgErr.Code == deadlock || pgErr.Code == internal && strings.Contains(pgErr.Message, "tuple concurrently")
}

// number runs a query that returns one number.
func (a *admin) number(ctx context.Context, sql string, args ...any) (n int, err error) {
	err = a.use(ctx, func(conn *pgx.Conn) error { return conn.QueryRow(ctx, sql, args...).Scan(&n) })
	return n, err
}

func (a *admin) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conn == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	return a.conn.Close(ctx)
}

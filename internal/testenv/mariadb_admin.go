package testenv

import (
	"context"
	"database/sql"

	"github.com/go-sql-driver/mysql"
)

// mariaAdmin is one connection of the account that may do everything, made when it is needed and made again when it
// was lost. It does one thing at a time.
type mariaAdmin struct{ db *sql.DB }

func newMariaAdmin(config *mysql.Config) (*mariaAdmin, error) {
	config.MultiStatements = true
	config.InterpolateParams = true // a query with arguments is one round trip
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return &mariaAdmin{db: db}, nil
}

// exec runs any number of statements in one round trip, until one fails. Each is for itself: MariaDB has no
// transactions over accounts and tables.
func (a *mariaAdmin) exec(ctx context.Context, statements string) error {
	_, err := a.db.ExecContext(ctx, statements)
	return err
}

// number runs a query that returns one number.
func (a *mariaAdmin) number(ctx context.Context, query string, args ...any) (n int, err error) {
	err = a.db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, err
}

func (a *mariaAdmin) close() error { return a.db.Close() }

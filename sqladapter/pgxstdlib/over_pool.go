package pgxstdlib

import (
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/managedpool"
)

// OpenDB returns a *sql.DB over pool, for code that wants database/sql beside code that uses the pool: both share its
// connections, its budget and its hand-overs. While the server refuses the login in use, callers of both are held until there is
// a better one, within the pool's MaxHold: that is where the pool dials, beneath its pgxpool. A caller whose own context ends
// meanwhile gets the context's error; that of the pool itself says besides why there was no login. sql.Conn.Raw gives pgx's own
// *stdlib.Conn. opts are stdlib's.
//
// The DB keeps no idle connection (SetMaxIdleConns is 0), and it must stay so: what it keeps is out of the pool's reach.
// For the same reason leave SetMaxOpenConns alone: pool has a size already, and while callers of a limited DB wait, it
// passes connections on from one to the next instead of giving them back. A statement that was prepared on the DB
// itself is prepared anew for nearly each use.
//
// Closing the DB leaves pool as it is; close that afterwards. A nil pool, and one in Replace mode, which has no pgxpool
// of its own for life, is an error.
func OpenDB(pool *managedpool.Pool, opts ...stdlib.OptionOpenDB) (*sql.DB, error) {
	if pool == nil {
		return nil, errors.New("pgxstdlib: pool is nil")
	}
	inner := pool.Unwrap()
	if inner == nil {
		return nil, errors.New("pgxstdlib: pool has Options.Mode Replace, in which no pgxpool serves for life: use InPlace, or Open of package sqladapter")
	}
	return stdlib.OpenDBFromPool(inner, opts...), nil
}

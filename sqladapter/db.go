// Package sqladapter gives an application a *sql.DB that follows its credentials: it stays the same for the life of the
// process, and the login underneath is exchanged without a query noticing.
//
//	db, err := sqladapter.Open(ctx, sqladapter.Config{Source: src, Driver: libpq.New(config), MaxOpenConns: 20})
//	...
//	defer db.Close()
//	err = db.QueryRowContext(ctx, "select balance from accounts where id = $1", id).Scan(&balance)
//
// The promises are those of package managedpool: a new credential is verified before anybody gets a connection made
// with it; connections are exchanged one at a time, a fresh one first; none outlives its credential; there are never
// more than MaxOpenConns + Headroom sessions on the server; a login that the server refuses is held and tried again.
// What is in use finishes on its own connection: a transaction, rows that are open, a *sql.Conn with its temporary
// tables, settings and locks. A *sql.Stmt goes on working; database/sql prepares it on each new connection.
//
// The drivers are in packages of their own, so that nobody links one that he does not use: [pgxstdlib], [libpq], [mysql].
//
// [pgxstdlib]: https://pkg.go.dev/github.com/rekeyhq/rekey/sqladapter/pgxstdlib
// [libpq]: https://pkg.go.dev/github.com/rekeyhq/rekey/sqladapter/libpq
// [mysql]: https://pkg.go.dev/github.com/rekeyhq/rekey/sqladapter/mysql
package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey"
)

// DB is a *sql.DB with the handle of the adapter beneath. Give the embedded DB to libraries that want a *sql.DB; it is
// the same for life. It is safe for concurrent use.
type DB struct {
	*sql.DB
	adapter *adapter
}

// Conn is a connection as sql.Conn.Raw gives it, except over pgx, where that is pgx's own *stdlib.Conn.
type Conn interface {
	// Unwrap returns the driver's own connection. It must not be used, or kept, after the function given to Raw
	// has returned.
	Unwrap() driver.Conn
}

// Open makes a DB with the login that config.Source gives. It returns once the first credential is verified, and fails,
// having undone everything, when the source or the server says no for good, when ctx ends, or after Config.MaxHold. ctx
// is not kept.
func Open(ctx context.Context, config Config) (*DB, error) {
	a, err := newAdapter(config)
	if err != nil {
		return nil, err
	}
	db := &DB{DB: a.db, adapter: a}
	a.warn()
	a.engine.Start()
	if a.config.Lazy {
		return db, nil
	}
	if err := a.engine.Ready(ctx); err != nil {
		db.giveUp()
		return nil, fmt.Errorf("sqladapter: first credential: %w", err)
	}
	return db, nil
}

// giveUp ends a DB that nobody has got. A source that ignores its context is not waited for any longer.
func (db *DB) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), giveUpTimeout)
	defer cancel()
	db.Shutdown(ctx)
}

// giveUpTimeout is time enough to give a credential back.
const giveUpTimeout = 5 * time.Second

// closeTimeout is how long Close takes at the most.
const closeTimeout = 10 * time.Second

// Status returns a snapshot of the credential. It costs little and waits for nothing.
func (db *DB) Status() rekey.Status { return db.adapter.status() }

// Refresh asks the source now and waits for the outcome: nil when the login in use is what the source says, or
// was replaced by it. An error leaves everything as it was.
func (db *DB) Refresh(ctx context.Context) error { return db.adapter.engine.Refresh(ctx) }

// Shutdown ends everything that the DB has started, within ctx: it waits for connections to come back for four fifths
// of the time that ctx has, then closes what is left under its users, and gives the credentials back. An error says
// what did not end well; the DB is closed all the same. It may be called again, and after Close to hurry that.
func (db *DB) Shutdown(ctx context.Context) error { return db.adapter.shutdown(ctx) }

// Close is Shutdown within ten seconds. Close of the embedded DB does the same, so a library that closes the DB which
// it was given ends all of it.
func (db *DB) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return db.Shutdown(ctx)
}

// Format writes what and in which state the DB is, for every verb: its insides change while they are read, and hold
// passwords.
func (db *DB) Format(f fmt.State, _ rune) {
	if db == nil || db.adapter == nil {
		fmt.Fprint(f, "sqladapter.DB{}")
		return
	}
	s := db.Status()
	fmt.Fprintf(f, "sqladapter.DB{state: %s, generation: %d, username: %q}", s.State, s.Generation, s.Username)
}

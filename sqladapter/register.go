package sqladapter

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/rekeyhq/rekey/sqladapter/internal/wrap"
)

// Register makes config a driver of database/sql, for frameworks that know nothing but sql.Open(name, ""). Each sql.Open
// makes a DB of its own, as [Open] with Config.Lazy does: the first connection waits for the credential. Closing what
// sql.Open has returned ends it.
//
// It is a thin layer over that DB, which has the connections: what sql.Open has returned keeps none idle, whatever
// SetMaxIdleConns says, and is best left without SetMaxOpenConns. A *sql.Stmt is prepared anew for nearly each use. What
// sql.Conn.Raw gives unwraps to the driver's own connection by [Conn], also over pgx.
//
// A mistake in config is an error, and so is a name that a driver has already.
func Register(name string, config Config) error {
	config.Lazy = true
	checked := config.withDefaults()
	if err := checked.validate(); err != nil {
		return err
	}
	registering.Lock()
	defer registering.Unlock()
	if slices.Contains(sql.Drivers(), name) {
		return fmt.Errorf("sqladapter: Register: there is a driver %q already", name)
	}
	sql.Register(name, registered{config})
	return nil
}

var registering sync.Mutex // held from the look at the names to the registration

// registered is a driver that opens DBs.
type registered struct{ config Config }

var errName = errors.New("sqladapter: the data source name must be empty: what to connect to is in the Config that was registered")

// OpenConnector is called by sql.Open.
func (r registered) OpenConnector(name string) (driver.Connector, error) {
	if name != "" {
		return nil, errName
	}
	return &facade{registered: r}, nil
}

// Open is not called by database/sql, which knows OpenConnector.
func (r registered) Open(string) (driver.Conn, error) {
	return nil, errors.New("sqladapter: use sql.Open")
}

// facade is the connector of what sql.Open has returned. Its DB begins with the first connection, so that a DB which is
// opened and never used needs no Close.
type facade struct {
	registered

	mu     sync.Mutex // guards the fields below
	db     *DB
	closed bool
}

// Connect takes a connection out of the DB.
func (f *facade) Connect(ctx context.Context) (driver.Conn, error) {
	db, err := f.open()
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	out := &taken{conn: conn}
	err = conn.Raw(func(c any) error {
		out.inner = c.(driver.Conn)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return wrap.Conn(out.inner, out), nil
}

// open returns the DB, and makes it at the first call.
func (f *facade) open() (*DB, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, sql.ErrConnDone
	}
	if f.db == nil {
		db, err := Open(context.Background(), f.config) // it is lazy: nothing is waited for
		if err != nil {
			return nil, err
		}
		f.db = db
	}
	return f.db, nil
}

func (f *facade) Driver() driver.Driver { return f.registered }

// Close is called when what sql.Open has returned is closed.
func (f *facade) Close() error {
	f.mu.Lock()
	db := f.db
	f.closed = true
	f.mu.Unlock()
	if db == nil {
		return nil
	}
	return db.Close()
}

// taken owns a connection that was taken out of the DB. It never stays: the DB keeps what is idle.
type taken struct {
	conn  *sql.Conn
	inner driver.Conn
	bad   bool // the driver says so
}

// Close gives the connection back. The DB does not see what happens on it, and has to be told of one that is broken.
func (t *taken) Close(driver.Conn) error {
	if !t.bad {
		return t.conn.Close()
	}
	t.conn.Raw(func(any) error { return driver.ErrBadConn })
	return nil
}

func (t *taken) Stays() bool                  { return false }
func (t *taken) Reused(context.Context) error { return nil }
func (t *taken) Failed(err error)             { t.bad = t.bad || errors.Is(err, driver.ErrBadConn) }

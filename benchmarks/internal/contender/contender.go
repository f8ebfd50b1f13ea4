// Package contender has the pools that are compared, each set up as its own documentation, or common practice, sets it up
// best for credentials that rotate.
package contender

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// World is what a contender is opened in.
type World struct {
	DSN   func(server.Login) string
	Store *store.Store
	Conns int

	// Lasting makes a login that no scenario touches.
	Lasting func(context.Context) (server.Login, error)

	// Overlap is how long an old login stays valid after the store has the next one: what is left of its lease then. Who
	// replaces connections by age sets their lifetime by it. Zero: sessions outlive their login, and need no lifetime.
	Overlap time.Duration
}

// Pool is a contender that is open.
type Pool interface {
	// Do reads one row: one caller's operation, within ctx.
	Do(ctx context.Context, sql string, id int) error

	// Close ends it, and everything that it started.
	Close()
}

// Contender is a way to keep a pool's credentials fresh.
type Contender struct {
	ID    string
	Name  string // in tables
	Text  string // how it is set up, and who says so
	Ours  bool
	Floor bool // its credentials do not rotate

	// Over is the ID of the floor that it is measured against: the plain pool of the same kind.
	Over string

	// Extension: it explains figures, and is left out unless it is asked for.
	Extension bool

	Open func(context.Context, World) (Pool, error)

	// Extra is how many sessions beyond Conns it may have by its own promise; -1: it promises nothing.
	Extra int
}

// All of them, in the order of tables.
var All = []Contender{plain, plainSQL, swap, beforeConnect, beforeConnectReset, connector, inPlace, replace, sqlDB, logins}

// lifetime of connections for those who replace them by age: the last one that is made with an old login ends before that
// does. Zero where logins do not end.
func (w World) lifetime() time.Duration { return w.Overlap * 8 / 10 }

// lifetimes is what the texts say of it.
const lifetimes = "where logins end, connections live for eight tenths of what is left of a lease when the next login is in the store; " +
	"where only the password changes, they have no lifetime"

// dsn is the connection string with a secret's login.
func (w World) dsn(s store.Secret) string {
	return w.DSN(server.Login{User: s.User, Password: s.Password})
}

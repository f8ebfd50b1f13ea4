// Package scenario has what happens to the credentials while a pool is under load.
package scenario

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// Times that scenarios share. They are compressed: credentials live for hours, here for seconds.
const (
	// Overlap is how long an old login stays valid after the store has the next one.
	Overlap = time.Second

	// Deadline is that of each caller.
	Deadline = 3 * time.Second

	// Every is how often credentials rotate, unless the run says otherwise.
	Every = 1200 * time.Millisecond

	// Lead is how long a scenario waits before anything happens, so that a pool is seen at rest first.
	Lead = 400 * time.Millisecond
)

// Scenario is one of them.
type Scenario struct {
	ID    string
	Short string // heads a column
	Title string
	Text  string // what happens, and what is fair to expect

	// Conns is the pool's size where it is not the run's.
	Conns int

	// Length is how long a turn takes at least; 0: as long as the run says.
	Length time.Duration

	// Fixed: the turn is Length long, whatever the run says.
	Fixed bool

	// Cold: no connection is opened before the load begins.
	Cold bool

	// Overlap is how long a login works after the store has the next one; 0: sessions never end with their login. Who
	// replaces connections by age sets their lifetime by it.
	Overlap time.Duration

	// End is when the first login ends, as the store says it; 0: it does not say.
	End time.Duration

	// Role is what the first login is like.
	Role func(conns int) server.RoleOptions

	// Load is what callers do.
	Load func(Size) load.Load

	// Script does what the issuer and the store do, until it is over or ctx ends. Nil: nothing.
	Script func(context.Context, *Stage) error
}

// Size is how big a turn is.
type Size struct {
	Server *server.Server
	Conns  int
	Rate   float64 // operations a second of an open load
}

// All of them, in the order of the report.
var All = []Scenario{password, newRole, killed, busy, large, outage, expired, limited, wrongPassword, cold}

// quiet is an open load that leaves most connections idle.
func quiet(s Size) load.Load {
	return load.Load{Rate: s.Rate, SQL: s.Server.Query(), Rows: server.Rows, Deadline: Deadline}
}

// saturating is a closed load with three callers a connection.
func saturating(s Size) load.Load {
	return load.Load{Callers: 3 * s.Conns, SQL: s.Server.SlowQuery(20 * time.Millisecond), Rows: server.Rows, Deadline: Deadline}
}

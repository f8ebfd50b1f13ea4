package conntrace

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// useKey is where a connection's use is kept, in its CustomData, if it is timed.
const useKey = "github.com/rekeyhq/rekey/otelrekey/conntrace"

// use is a timed connection that is with its user.
type use struct {
	tracer *Tracer
	since  time.Time
	over   atomic.Bool
	lost   runtime.Cleanup // of the connection
}

// end ends the count of the use, once.
func (u *use) end() (first bool) {
	first = u.over.CompareAndSwap(false, true)
	if first {
		u.tracer.used.Add(-1)
	}
	return first
}

// beginUse notes since when a connection is used. One that is hijacked does not come back, and is counted until nobody has
// it any more.
func (t *Tracer) beginUse(conn *pgx.Conn, now time.Time) {
	u := &use{tracer: t, since: now}
	t.used.Add(1)
	conn.PgConn().CustomData()[useKey] = u
	u.lost = runtime.AddCleanup(conn, func(u *use) { u.end() }, u)
}

// endUse records how long a connection was used, if that is timed.
func (t *Tracer) endUse(conn *pgx.Conn) {
	notes := conn.PgConn().CustomData()
	u, ok := notes[useKey].(*use)
	if !ok {
		return
	}
	delete(notes, useKey)
	u.lost.Stop()
	if u.end() {
		t.useTime.Record(context.Background(), time.Since(u.since).Seconds(), t.pool...)
	}
}

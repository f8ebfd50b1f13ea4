package conntrace

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// useKey is where a connection's use is kept, in its CustomData, if it is timed.
	useKey = "github.com/rekeyhq/rekey/otelrekey/conntrace"
	// longestUse is how long the end of a use is waited for. A connection that was hijacked does not come back, and nobody
	// is told; it must not make every release look for a use for ever.
	longestUse = 10 * time.Minute
)

// use is a timed connection that is with its user.
type use struct {
	since time.Time
	over  atomic.Bool
}

// beginUse notes since when a connection is used.
func (t *Tracer) beginUse(conn *pgx.Conn, now time.Time) {
	u := &use{since: now}
	conn.PgConn().CustomData()[useKey] = u
	t.mu.Lock()
	defer t.mu.Unlock()
	t.uses = append(slices.DeleteFunc(t.uses, func(u *use) bool {
		return u.over.Load() || now.Sub(u.since) > longestUse && t.end(u)
	}), u)
	t.used.Add(1)
}

// end ends the count of a use, and reports whether it was not ended before.
func (t *Tracer) end(u *use) bool {
	if !u.over.CompareAndSwap(false, true) {
		return false
	}
	t.used.Add(-1)
	return true
}

// endUse records how long a connection was used, if that is timed.
func (t *Tracer) endUse(conn *pgx.Conn) {
	notes := conn.PgConn().CustomData()
	u, ok := notes[useKey].(*use)
	if !ok {
		return
	}
	delete(notes, useKey)
	if t.end(u) {
		t.useTime.Record(context.Background(), time.Since(u.since).Seconds(), t.pool...)
	}
}

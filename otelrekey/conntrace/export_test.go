package conntrace

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// LongestUse is how long the end of a use is waited for.
const LongestUse = longestUse

// BeginUse begins to time a connection's use.
func (t *Tracer) BeginUse(conn *pgx.Conn, now time.Time) { t.beginUse(conn, now) }

// InUse returns how many timed connections are with their users.
func (t *Tracer) InUse() int64 { return t.used.Load() }

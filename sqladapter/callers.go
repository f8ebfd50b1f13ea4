package sqladapter

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
)

// callers counts what callers ask of a DB, where database/sql does not, and what the adapter itself adds to the counts of
// database/sql.
type callers struct {
	reused   atomic.Int64 // connections that were used once more
	created  atomic.Int64 // connections that callers could get
	dialled  atomic.Int64 // of those, made for callers
	canceled atomic.Int64 // callers whose context ended while a connection was made for them
	hungUp   atomic.Int64 // of those, by themselves

	mu      sync.Mutex      // guards what follows
	errands rekey.PoolStats // waits of the adapter's own
	shown   rekey.PoolStats // the largest that were shown
}

// errandWaits is how long an errand takes that had to queue: one that did not takes less. It is an estimate: database/sql
// does not tell.
const errandWaits = 100 * time.Microsecond

// errand notes a wait of the adapter's own.
func (c *callers) errand(took time.Duration) {
	if took < errandWaits {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.errands.Waited++
	c.errands.WaitTime += took
}

// connected notes what a caller got who found no connection idle and was to have another.
func (c *callers) connected(ctx context.Context, err error) {
	switch {
	case err == nil:
		c.dialled.Add(1)
	case ctx.Err() != nil:
		c.canceled.Add(1)
		if ctx.Err() == context.Canceled {
			c.hungUp.Add(1)
		}
	}
}

// growing keeps what only grows from shrinking: database/sql counts an errand a moment before the adapter takes it off.
func (c *callers) growing(s rekey.PoolStats) rekey.PoolStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Waited = max(s.Waited-c.errands.Waited, c.shown.Waited)
	s.WaitTime = max(s.WaitTime-c.errands.WaitTime, c.shown.WaitTime)
	s.AcquireTime = s.WaitTime
	c.shown = s
	return s
}

// PoolStats counts the connections of every generation, and what callers have asked of the DB since it was made: the
// adapter's own looks, unlike in Stats, are not among it. A transaction or a *sql.Conn is one acquire. What database/sql
// does not tell is missing: AcquireTime is that of waits in its queue; waits that ended with their callers' contexts are
// among Waited, and Canceled has only callers for whom a connection was being made. Of a driver without
// driver.SessionResetter, Acquires counts connections only when they are made.
func (db *DB) PoolStats() rekey.PoolStats {
	lent := int(db.adapter.lending.Load())
	s, c := db.DB.Stats(), &db.adapter.callers
	lent = min(lent, s.InUse)
	return c.growing(rekey.PoolStats{
		Max: s.MaxOpenConnections, Idle: s.Idle + lent, Used: s.InUse - lent,
		Acquires: c.reused.Load() + c.dialled.Load(), AcquireTime: s.WaitDuration,
		Waited: s.WaitCount, WaitTime: s.WaitDuration,
		Canceled: c.canceled.Load(), TimedOut: c.canceled.Load() - c.hungUp.Load(),
		Created: c.created.Load(),
	})
}

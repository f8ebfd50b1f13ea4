package managedpool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
)

// callers counts what callers ask of the pool, where pgxpool's own counts do not tell: those know the acquires of the pool
// itself, too, and in Replace mode a caller waits in line before them, and may be routed from one to the other.
type callers struct {
	created atomic.Int64 // connections that callers could get
	hungUp  atomic.Int64 // acquires whose context was cancelled, as far as the pool sees them

	// In Replace mode.
	acquires atomic.Int64
	canceled atomic.Int64
	waited   atomic.Int64
	waitTime atomic.Int64

	mu      sync.Mutex      // guards what follows
	errands rekey.PoolStats // what the pool itself has added to pgxpool's counts
	shown   rekey.PoolStats // the largest counts that were shown
}

// errandWaits is how long an acquire of the pool's own takes that had to wait for a place: one that did not takes less.
const errandWaits = 100 * time.Microsecond

// errand notes what an acquire of the pool's own has added to pgxpool's counts.
func (c *callers) errand(took time.Duration, dialled bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == context.DeadlineExceeded || err == context.Canceled:
		c.errands.Canceled++
	case err == nil:
		c.errands.Acquires++
		c.errands.AcquireTime += took
		if dialled || took > errandWaits {
			c.errands.Waited++
			c.errands.WaitTime += took
		}
	}
}

// got counts an acquire in Replace mode that has come to its end.
func (c *callers) got(ctx context.Context, err error) {
	switch {
	case err == nil:
		c.acquires.Add(1)
	case ctx.Err() != nil:
		c.canceled.Add(1)
		if ctx.Err() == context.Canceled {
			c.hungUp.Add(1)
		}
	}
}

// wait counts the wait of a caller who got a connection in Replace mode.
func (c *callers) wait(took time.Duration) {
	c.waited.Add(1)
	c.waitTime.Add(int64(took))
}

// inPlace makes pgxpool's counts those of callers.
func (c *callers) inPlace(s rekey.PoolStats) rekey.PoolStats {
	s.Acquires -= c.errands.Acquires
	s.AcquireTime -= c.errands.AcquireTime
	s.Waited -= c.errands.Waited
	s.WaitTime -= c.errands.WaitTime
	s.Canceled -= c.errands.Canceled
	return s
}

// routed puts the callers' counts in the place of those that pgxpools have of attempts. The time of an acquire that did
// not wait is theirs.
func (c *callers) routed(s rekey.PoolStats) rekey.PoolStats {
	s.Acquires, s.Canceled = c.acquires.Load(), c.canceled.Load()
	s.Waited = c.waited.Load()
	idle := s.AcquireTime - s.WaitTime
	s.WaitTime = time.Duration(c.waitTime.Load())
	s.AcquireTime = idle + s.WaitTime
	return s
}

// growing keeps what only grows from shrinking: pgxpool counts an errand a moment before the pool takes it off.
func (c *callers) growing(s rekey.PoolStats) rekey.PoolStats {
	s.Acquires = max(s.Acquires, c.shown.Acquires)
	s.AcquireTime = max(s.AcquireTime, c.shown.AcquireTime)
	s.Waited = max(s.Waited, c.shown.Waited)
	s.WaitTime = max(s.WaitTime, c.shown.WaitTime)
	s.Canceled = max(s.Canceled, c.shown.Canceled)
	s.TimedOut = max(s.TimedOut, c.shown.TimedOut)
	c.shown = s
	return s
}

// of makes counts of callers of those that the pgxpools have together.
func (c *callers) of(s rekey.PoolStats, mode Mode) rekey.PoolStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mode == InPlace {
		s = c.inPlace(s)
	} else {
		s = c.routed(s)
	}
	s.Created = c.created.Load()
	s.TimedOut = s.Canceled - c.hungUp.Load()
	return c.growing(s)
}

package managedpool

import (
	"sync/atomic"
	"time"
)

// limiter lets something happen at most once in an interval. The zero time counts as long ago.
type limiter struct {
	interval time.Duration
	last     atomic.Int64 // Unix nanoseconds
}

// allow reports whether it may happen now; if so, that is taken as having happened.
func (l *limiter) allow() bool {
	now := time.Now().UnixNano()
	last := l.last.Load()
	return now-last >= int64(l.interval) && l.last.CompareAndSwap(last, now)
}

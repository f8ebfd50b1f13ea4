package managedpool

import (
	"sync/atomic"
	"time"
)

// limiter lets something happen at most once in an interval. The zero time counts as long ago, and so does what a clock that
// was set back puts into the future.
type limiter struct {
	interval time.Duration
	last     atomic.Int64 // Unix nanoseconds
}

// allow reports whether it may happen now; if so, that is taken as having happened.
func (l *limiter) allow() bool {
	now := time.Now().UnixNano()
	last := l.last.Load()
	since := now - last
	return (since >= int64(l.interval) || since < 0) && l.last.CompareAndSwap(last, now)
}

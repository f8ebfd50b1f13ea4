package rekey

import "time"

// PoolStats counts a pool's connections, and what callers have asked of it since it was made. The connections of every
// generation are in it; those that were hijacked are not.
type PoolStats struct {
	Max     int // connections that the pool may have
	MinIdle int // idle connections that it keeps, whatever is asked of it
	Idle    int
	Used    int // taken by callers, or for a moment by the pool itself

	// The counts below only grow.

	Acquires    int64         // that got a connection
	AcquireTime time.Duration // of those, together
	Waited      int64         // of those, that found no connection idle
	WaitTime    time.Duration // of those, together
	Canceled    int64         // acquires whose context ended first
	TimedOut    int64         // of those, that were not cancelled by their callers, as far as the pool can tell
	Created     int64         // connections that callers could get
}

// Plus is the sum of both counts; what the pool may have and keeps is s's.
func (s PoolStats) Plus(o PoolStats) PoolStats {
	s.Idle += o.Idle
	s.Used += o.Used
	s.Acquires += o.Acquires
	s.AcquireTime += o.AcquireTime
	s.Waited += o.Waited
	s.WaitTime += o.WaitTime
	s.Canceled += o.Canceled
	s.TimedOut += o.TimedOut
	s.Created += o.Created
	return s
}

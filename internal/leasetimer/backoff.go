package leasetimer

import "time"

// Backoff is an exponential wait between attempts that failed.
type Backoff struct {
	// Base is the wait after the first failure.
	Base time.Duration
	// Max is the longest wait.
	Max time.Duration
}

// Wait returns the wait after the given number of failures, of which there has been at least one. It lies
// between half and all of Base doubled for each further failure; random, in [0, 1), says where.
func (b Backoff) Wait(failures int, random float64) time.Duration {
	wait := b.Base
	for i := 1; i < failures && wait < b.Max; i++ {
		wait *= 2
	}
	wait = min(wait, b.Max)
	return wait/2 + time.Duration(random*float64(wait/2))
}

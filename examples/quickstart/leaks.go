package main

import (
	"context"
	"runtime"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// leakLimit is how long we wait for what was closed to be gone: a server takes note of that in its own time.
const leakLimit = 10 * time.Second

// sessionsLeft returns how many sessions the server still has after Shutdown.
func sessionsLeft(ctx context.Context, issuer *testenv.Issuer) (left int, err error) {
	for deadline := time.Now().Add(leakLimit); ; time.Sleep(look) {
		left, err = issuer.AllSessions(ctx)
		if err != nil || left == 0 || time.Now().After(deadline) {
			return left, err
		}
	}
}

// goroutinesLeft returns how many goroutines there are more than before. It is asked when every connection is
// closed, the plain pool's and the superuser's included: pgx may keep a goroutine for an idle one, if a write on
// it was slow.
func goroutinesLeft(before int) int {
	for deadline := time.Now().Add(leakLimit); ; time.Sleep(look) {
		more := goroutines() - before
		if more <= 0 || time.Now().After(deadline) {
			return max(0, more)
		}
	}
}

// goroutines counts those that stay: a moment's helpers come and go.
func goroutines() int {
	least := runtime.NumGoroutine()
	for range 10 {
		time.Sleep(2 * time.Millisecond)
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

// Package leaks finds what is left of something that was closed.
package leaks

import (
	"context"
	"runtime"
	"time"
)

const (
	// limit is how long we wait for what was closed to be gone: a server takes note of that in its own time.
	limit = 10 * time.Second
	// look is how often that is asked.
	look = 10 * time.Millisecond
)

// Left returns what count still counts after a while, or zero as soon as it counts none.
func Left(ctx context.Context, count func(context.Context) (int, error)) (left int, err error) {
	for deadline := time.Now().Add(limit); ; time.Sleep(look) {
		left, err = count(ctx)
		if err != nil || left <= 0 || time.Now().After(deadline) {
			return max(0, left), err
		}
	}
}

// GoroutinesLeft returns how many goroutines there are more than before. Ask when every connection is closed, those
// that do not count included: pgx may keep a goroutine for an idle one, if a write on it was slow.
func GoroutinesLeft(before int) int {
	more, _ := Left(context.Background(), func(context.Context) (int, error) { return Goroutines() - before, nil })
	return more
}

// Goroutines counts those that stay: a moment's helpers come and go.
func Goroutines() int {
	least := runtime.NumGoroutine()
	for range 10 {
		time.Sleep(2 * time.Millisecond)
		least = min(least, runtime.NumGoroutine())
	}
	return least
}

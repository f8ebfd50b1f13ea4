package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// awaitPoll is how often await looks.
const awaitPoll = 2 * time.Millisecond

// await waits until done says so.
func await(ctx context.Context, done func() bool) error {
	for !done() {
		if err := pause(ctx, awaitPoll); err != nil {
			return err
		}
	}
	return nil
}

// pause waits for d.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pauseUpTo waits for a random part of d.
func pauseUpTo(ctx context.Context, d time.Duration) error { return pause(ctx, rand.N(d)) }

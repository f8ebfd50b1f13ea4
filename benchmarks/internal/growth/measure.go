package growth

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

const (
	// settling is how long pools are left alone before they are measured: sessions that a hand-over keeps in reserve live a
	// second.
	settling = 1500 * time.Millisecond
	// closeTimeout bounds the closing of all pools.
	closeTimeout = 30 * time.Second
	// ending is how long goroutines that have been told to end may take to.
	ending = 2 * time.Second
)

// measure does a job.
func measure(ctx context.Context, job Job) (r Result, err error) {
	logins, err := parseLogins(job.DSNs)
	if err != nil {
		return r, err
	}
	r.Pools = job.Pools
	before := takeUsage()
	pools := make([]pool, job.Pools)
	defer func() {
		closeAll(pools)
		r.GoroutinesLeft = left(before.goroutines)
	}()
	err = each(ctx, job.Workers, job.Pools, func(ctx context.Context, n int) (err error) {
		pools[n], err = open(ctx, job, logins)
		return err
	})
	if err != nil {
		return r, fmt.Errorf("opening the pools: %w", err)
	}
	if err := pause(ctx, settling); err != nil {
		return r, err
	}
	now := takeUsage()
	r.Heap, r.Stacks, r.RSS = now.heap-before.heap, now.stacks-before.stacks, now.rss-before.rss
	r.Goroutines = now.goroutines - before.goroutines
	if r.Rest, err = rest(ctx, job.Rest); err != nil {
		return r, err
	}
	began, used := time.Now(), cpu()
	if err := r.rotate(ctx, job, pools); err != nil {
		return r, err
	}
	if err := pause(ctx, settling); err != nil { // in which what was kept in reserve ends, at the rotations' cost
		return r, err
	}
	r.CPU = max(0, (cpu()-used).Seconds()-r.Rest*time.Since(began).Seconds()) / float64(max(1, r.Rotations))
	now = takeUsage()
	r.HeapAfter, r.GoroutinesAfter = now.heap-before.heap, now.goroutines-before.goroutines
	return r, nil
}

// rest is the CPU, in seconds a second, of a process that is left alone for d.
func rest(ctx context.Context, d time.Duration) (float64, error) {
	if d <= 0 {
		return 0, nil
	}
	began, used := time.Now(), cpu()
	if err := pause(ctx, d); err != nil {
		return 0, err
	}
	return (cpu() - used).Seconds() / time.Since(began).Seconds(), nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rotate rotates all pools, in rounds until there are enough.
func (r *Result) rotate(ctx context.Context, job Job, pools []pool) error {
	rounds := (job.Rotations + job.Pools - 1) / job.Pools
	r.Rotations = rounds * job.Pools
	r.Wall = make([]float64, r.Rotations)
	for round := range rounds {
		err := each(ctx, job.Workers, job.Pools, func(ctx context.Context, n int) error {
			began := time.Now()
			if err := pools[n].rotate(ctx); err != nil {
				return err
			}
			r.Wall[round*job.Pools+n] = time.Since(began).Seconds()
			return nil
		})
		if err != nil {
			return fmt.Errorf("rotating: %w", err)
		}
	}
	return nil
}

// closeAll closes those that were made.
func closeAll(pools []pool) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = each(ctx, len(pools), len(pools), func(_ context.Context, n int) error {
		if pools[n] != nil {
			pools[n].close()
		}
		return nil
	})
}

// left is how many goroutines more there are than before, once those that end have ended.
func left(before int) int {
	for deadline := time.Now().Add(ending); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if runtime.NumGoroutine() <= before {
			return 0
		}
	}
	return runtime.NumGoroutine() - before
}

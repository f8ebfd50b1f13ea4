// Package load puts a pool under load, and measures it.
package load

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/rekeyhq/rekey/examples/internal/work"
)

// workLimit bounds one piece of work. A pool that hangs shall be seen as failing.
const workLimit = 30 * time.Second

// Load is a number of goroutines that use a pool, one piece of work after the other, without a pause: every
// connection is busy, and callers wait in line for the next.
type Load struct {
	work      work.Work
	latencies []*hdrhistogram.Histogram // of each worker, in microseconds

	queries atomic.Int64
	failed  atomic.Int64

	mu       sync.Mutex // guards failures
	failures []Failure  // the first few that differ
}

// mostFailures is how many different ones are kept.
const mostFailures = 5

// New makes a load of so many goroutines. It does nothing until it is run.
func New(w work.Work, workers int) *Load {
	l := &Load{work: w}
	for range workers {
		l.latencies = append(l.latencies, newHistogram())
	}
	return l
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, 2*workLimit.Microseconds(), 3)
}

// Run works for a while. What is begun is finished, also when ctx ends.
func (l *Load) Run(ctx context.Context, length time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var workers sync.WaitGroup
	for _, latencies := range l.latencies {
		workers.Go(func() {
			for ctx.Err() == nil {
				l.one(context.WithoutCancel(ctx), latencies)
			}
		})
	}
	workers.Wait()
}

// WarmUp opens the connections; how long that takes is not counted.
func (l *Load) WarmUp(ctx context.Context) {
	l.Run(ctx, warmUp)
	for _, latencies := range l.latencies {
		latencies.Reset()
	}
}

const warmUp = 500 * time.Millisecond

// one does one piece of work.
func (l *Load) one(ctx context.Context, latencies *hdrhistogram.Histogram) {
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	name, piece := l.pick()
	begun := time.Now()
	err := piece(ctx)
	took := time.Since(begun)
	l.queries.Add(1)
	if err != nil {
		l.fail(fmt.Sprintf("%s: %v", name, err))
		return
	}
	latencies.RecordValue(max(1, took.Microseconds()))
}

// pick chooses what to do next: queries mostly, and a fifth of it transactions.
func (l *Load) pick() (name string, piece func(context.Context) error) {
	switch n := rand.IntN(10); {
	case n < 6:
		return "query", l.work.Query
	case n < 8:
		return "transaction", l.work.Transfer
	case n < 9:
		return "batch", l.work.Batch
	default:
		return "copy", l.work.Copy
	}
}

func (l *Load) fail(text string) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.failures {
		if l.failures[i].Text == text {
			l.failures[i].Count++
			return
		}
	}
	if len(l.failures) < mostFailures {
		l.failures = append(l.failures, Failure{text, 1})
	}
}

// String is for the progress line.
func (l *Load) String() string {
	return fmt.Sprintf("%d queries, %d failed", l.queries.Load(), l.failed.Load())
}

// Result sums up. Call it when nothing runs.
func (l *Load) Result() Result {
	all := newHistogram()
	for _, latencies := range l.latencies {
		all.Merge(latencies)
	}
	return Result{
		Queries: l.queries.Load(), Failed: l.failed.Load(), Failures: l.failures,
		P50: all.ValueAtPercentile(50), P99: all.ValueAtPercentile(99), P999: all.ValueAtPercentile(99.9), Max: all.Max(),
	}
}

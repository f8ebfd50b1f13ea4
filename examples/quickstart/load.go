package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// workLimit bounds one piece of work. A pool that hangs shall be seen as failing.
const workLimit = 30 * time.Second

// load is a number of goroutines that use a pool, one piece of work after the other, without a pause: every
// connection is busy, and callers wait in line for the next.
type load struct {
	work      work
	latencies []*hdrhistogram.Histogram // of each worker, in microseconds

	queries atomic.Int64
	failed  atomic.Int64

	mu       sync.Mutex // guards failures
	failures []failure  // the first few that differ
}

// failure is an error's text and how often it was seen.
type failure struct {
	text  string
	count int
}

// mostFailures is how many different ones are kept.
const mostFailures = 5

func newLoad(w work, workers int) *load {
	l := &load{work: w}
	for range workers {
		l.latencies = append(l.latencies, newHistogram())
	}
	return l
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, 2*workLimit.Microseconds(), 3)
}

// run works for a while. What is begun is finished, also when ctx ends.
func (l *load) run(ctx context.Context, length time.Duration) {
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

// warmUp opens the connections; how long that takes is not counted.
func (l *load) warmUp(ctx context.Context) {
	l.run(ctx, warmUp)
	for _, latencies := range l.latencies {
		latencies.Reset()
	}
}

const warmUp = 500 * time.Millisecond

// one does one piece of work.
func (l *load) one(ctx context.Context, latencies *hdrhistogram.Histogram) {
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
func (l *load) pick() (name string, piece func(context.Context) error) {
	switch n := rand.IntN(10); {
	case n < 6:
		return "query", l.work.query
	case n < 8:
		return "transaction", l.work.transfer
	case n < 9:
		return "batch", l.work.batch
	default:
		return "copy", l.work.copy
	}
}

func (l *load) fail(text string) {
	l.failed.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.failures {
		if l.failures[i].text == text {
			l.failures[i].count++
			return
		}
	}
	if len(l.failures) < mostFailures {
		l.failures = append(l.failures, failure{text, 1})
	}
}

// String is for the progress line.
func (l *load) String() string {
	return fmt.Sprintf("%d queries, %d failed", l.queries.Load(), l.failed.Load())
}

// result sums up. Call it when nothing runs.
func (l *load) result() result {
	all := newHistogram()
	for _, latencies := range l.latencies {
		all.Merge(latencies)
	}
	return result{
		queries: l.queries.Load(), failed: l.failed.Load(), failures: l.failures,
		p50: all.ValueAtPercentile(50), p99: all.ValueAtPercentile(99), p999: all.ValueAtPercentile(99.9),
	}
}

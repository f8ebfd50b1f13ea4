package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/jackc/pgx/v5"
)

// querier is what both contenders are asked for.
type querier interface {
	QueryRow(context.Context, string, ...any) pgx.Row
}

// load is what callers do.
type load struct {
	callers int
	query   string
	think   time.Duration
}

func loadFor(o options) (load, error) {
	switch o.scenario {
	case "quiet":
		return load{callers: 16, query: "select 1", think: time.Millisecond}, nil
	case "busy":
		return load{callers: 3 * o.conns, query: "select 1 from pg_sleep(0.02)"}, nil
	default:
		return load{}, fmt.Errorf("-scenario %q is neither quiet nor busy", o.scenario)
	}
}

// result is one round.
type result struct {
	latency *hdrhistogram.Histogram // microseconds
	failed  int
}

// run loads pool until ctx ends.
func (l load) run(ctx context.Context, pool querier) result {
	out := make([]result, l.callers)
	var callers sync.WaitGroup
	for i := range out {
		callers.Go(func() { out[i] = l.call(ctx, pool) })
	}
	callers.Wait()
	sum := result{latency: newHistogram()}
	for _, r := range out {
		sum.latency.Merge(r.latency)
		sum.failed += r.failed
	}
	return sum
}

func (l load) call(ctx context.Context, pool querier) result {
	r := result{latency: newHistogram()}
	for ctx.Err() == nil {
		began := time.Now()
		var one int
		if err := pool.QueryRow(context.Background(), l.query).Scan(&one); err != nil {
			r.failed++
		}
		r.latency.RecordValue(time.Since(began).Microseconds())
		time.Sleep(l.think)
	}
	return r
}

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(1, 60_000_000, 3) }

// Package load asks a pool for work and writes down how it went.
package load

import (
	"context"
	"sync"
	"time"
)

// Load is what callers do. With a Rate it is open: operations begin at fixed moments whether or not earlier ones have
// ended, as requests from outside do, and a latency counts from that moment; so a stall is felt by all who would have
// come during it. Without, it is closed: so many Callers, each of whom waits for his answer before he asks again.
type Load struct {
	Rate    float64 // operations a second
	Callers int     // without a Rate

	SQL      string
	Rows     int           // the ids asked for are 1 to Rows
	Deadline time.Duration // of each operation
}

// Do is one operation of a pool.
type Do func(ctx context.Context, sql string, id int) error

// Run loads a pool for so long, or until ctx ends, and returns when the last operation has ended: a deadline after that
// at the latest.
func (l Load) Run(ctx context.Context, length time.Duration, do Do, to *Recorder) {
	end := time.Now().Add(length)
	if l.Rate > 0 {
		l.open(ctx, end, do, to)
		return
	}
	l.closed(ctx, end, do, to)
}

// closed lets each caller ask once at least.
func (l Load) closed(ctx context.Context, end time.Time, do Do, to *Recorder) {
	var callers sync.WaitGroup
	for n := range l.Callers {
		callers.Go(func() {
			for due := time.Now(); ctx.Err() == nil; due = time.Now() {
				l.one(ctx, due, n, do, to)
				if n += l.Callers; !time.Now().Before(end) {
					return
				}
			}
		})
	}
	callers.Wait()
}

// open starts each operation when it is due. One that is started late, because the machine was busy, has its latency from
// when it was due.
func (l Load) open(ctx context.Context, end time.Time, do Do, to *Recorder) {
	var running sync.WaitGroup
	defer running.Wait()
	every := max(1, time.Duration(float64(time.Second)/l.Rate))
	timer := time.NewTimer(0)
	defer timer.Stop()
	for n, due := 0, time.Now(); due.Before(end) && ctx.Err() == nil; n, due = n+1, due.Add(every) {
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
		}
		running.Go(func() { l.one(ctx, due, n, do, to) })
	}
}

// one runs to its own end, also when the load is over.
func (l Load) one(ctx context.Context, due time.Time, n int, do Do, to *Recorder) {
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), due.Add(l.Deadline))
	defer cancel()
	began := time.Now()
	err := do(ctx, l.SQL, n%l.Rows+1)
	to.record(Op{Due: due, Began: began, Ended: time.Now(), Err: err, Deadline: l.Deadline})
}

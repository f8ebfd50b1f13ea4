package main

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
)

// recorder notes when a pool does what, from its events and its connections. It is safe for concurrent use.
type recorder struct {
	adopted chan adoption  // in their order, and
	ready   chan time.Time // when the pool had the first connection with each

	mu    sync.Mutex     // guards dials
	dials map[string]int // connections made with each password: the first is the one that was verified

	// The rest belongs to the pool's own goroutine, which tells the events.
	next adoption
}

// adoption is a refresh that has ended with another credential in use.
type adoption struct {
	trigger       rekey.Trigger
	began, at     time.Time
	fetch, verify time.Duration
}

// backlog is how many credentials may come and go before somebody looks.
const backlog = 1000

func newRecorder() *recorder {
	return &recorder{
		adopted: make(chan adoption, backlog), ready: make(chan time.Time, backlog), dials: map[string]int{},
	}
}

// hear is the pool's OnEvent.
func (r *recorder) hear(e rekey.Event) {
	switch e := e.(type) {
	case rekey.FetchedEvent:
		r.next.fetch += e.Duration
	case rekey.AlternatesEvent:
		r.next.fetch += e.Duration
	case rekey.RefreshFailedEvent:
		r.next.fetch += e.Duration
	case rekey.RefusedEvent:
		r.next.verify += e.Duration
	case rekey.AdoptedEvent:
		r.next.verify += e.Verify
		r.next.at = time.Now()
	case rekey.RefreshEndedEvent:
		if e.Outcome == rekey.OutcomeAdopted {
			r.next.trigger, r.next.began = e.Trigger, time.Now().Add(-e.Duration)
			r.adopted <- r.next
		}
		r.next = adoption{}
	}
}

// connected is the pool's AfterConnect.
func (r *recorder) connected(_ context.Context, conn *pgx.Conn) error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	password := conn.Config().Password
	if r.dials[password]++; r.dials[password] == 2 {
		r.ready <- now
	}
	return nil
}

// await returns the next adoption, and when the pool had a connection with it.
func (r *recorder) await(ctx context.Context) (a adoption, ready time.Time, err error) {
	select {
	case a = <-r.adopted:
	case <-ctx.Done():
		return a, ready, context.Cause(ctx)
	}
	select {
	case ready = <-r.ready:
		return a, ready, nil
	case <-ctx.Done():
		return a, ready, context.Cause(ctx)
	}
}

// stepsOf splits the time from a change to the first connection. The engine tells of an adoption after it; a connection
// may be faster.
func stepsOf(changed time.Time, a adoption, ready time.Time) steps {
	published := a.at
	if ready.Before(published) {
		published = ready
	}
	return steps{
		trigger: a.trigger,
		notice:  max(0, a.began.Sub(changed)),
		fetch:   a.fetch,
		verify:  a.verify,
		publish: max(0, published.Sub(a.began)-a.fetch-a.verify),
		hand:    ready.Sub(published),
	}
}

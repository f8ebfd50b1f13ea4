package otelrekey_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
)

// rotating is a pool whose generation the test counts on.
type rotating struct{ generation uint64 }

func (r *rotating) Status() rekey.Status {
	return rekey.Status{
		State: rekey.StateServing, Breaker: rekey.BreakerClosed, Generation: r.generation,
		Version: fmt.Sprint("v", r.generation), Username: fmt.Sprint("user", r.generation),
		IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour), Connections: 1,
		Draining: []rekey.GenerationStatus{{Generation: r.generation - 1, Connections: 2}},
	}
}

// PoolStats grow with the generations.
func (r *rotating) PoolStats() rekey.PoolStats {
	n := int64(r.generation)
	return rekey.PoolStats{
		Max: 4, Idle: 2, Used: 2, Acquires: 100 * n, AcquireTime: time.Duration(n), Waited: n, WaitTime: time.Duration(n),
		Canceled: 2 * n, TimedOut: n, Created: 4 * n,
	}
}

// failures are one of each class, with a text of their own each time.
func failures(version string) (all []*rekey.FetchError) {
	for _, op := range []string{"fetch", "renew", "alternates"} {
		all = append(all,
			&rekey.FetchError{Op: op, Err: fmt.Errorf("no lease %s", version)},
			&rekey.FetchError{Op: op, Err: fmt.Errorf("no lease %s: %w", version, context.DeadlineExceeded)},
			&rekey.FetchError{Op: op, Permanent: true, Err: errors.New(version)},
			&rekey.FetchError{Op: op, Unasked: true, Err: errors.New(version)},
		)
	}
	return all
}

// rotate tells of a rotation with everything that can happen in one.
func (r *rotating) rotate(hear func(rekey.Event)) {
	r.generation++
	g, version := r.generation, fmt.Sprint("v", r.generation)
	for _, fail := range failures(version) {
		hear(rekey.RefreshFailedEvent{Err: fail, Duration: time.Millisecond})
		if !fail.Unasked {
			hear(rekey.RetiredEvent{Version: version, Err: fail})
		}
	}
	for class := rekey.VerifyUnknown; class <= rekey.VerifyLacking; class++ {
		hear(rekey.RefusedEvent{Err: &rekey.VerifyError{Version: version, Class: class, Err: errors.New(version)}})
	}
	for _, e := range []rekey.Event{
		rekey.LoginRefusedEvent{Generation: g - 1, SQLState: fmt.Sprintf("%05d", 50000+g)},
		rekey.FetchedEvent{Version: version, Changed: true, Duration: time.Millisecond},
		rekey.BreakerEvent{From: rekey.BreakerOpen, To: rekey.BreakerClosed},
		rekey.AdoptedEvent{Generation: g, Version: version, Username: version, Alternate: g%2 == 0, Verify: time.Millisecond},
		rekey.RefreshEndedEvent{Trigger: rekey.TriggerDue, Outcome: rekey.OutcomeAdopted, Generation: g, Version: version},
		rekey.HandOverBegunEvent{Generation: g, Version: version, Connections: 4},
		rekey.DrainedEvent{Generation: g - 1, Cancelled: 1, Duration: time.Millisecond},
		rekey.HandOverEndedEvent{Generation: g, Version: version, Duration: time.Millisecond},
		rekey.RetiredEvent{Version: version},
	} {
		hear(e)
	}
}

// giveUp lets a caller give up, and a connection fail, each time for a reason of its own.
func giveUp(connections *conntrace.Tracer, n uint64) {
	reasons := []error{context.DeadlineExceeded, context.Canceled, &pgconn.PgError{Code: fmt.Sprint(n)}, fmt.Errorf("no connection %d", n)}
	ctx := connections.TraceAcquireStart(context.Background(), nil, pgxpool.TraceAcquireStartData{})
	connections.TraceAcquireEnd(ctx, nil, pgxpool.TraceAcquireEndData{Err: reasons[n%4]})
	config := &pgx.ConnConfig{Config: pgconn.Config{Host: fmt.Sprint("host", n)}}
	ctx = connections.TraceConnectStart(context.Background(), pgx.TraceConnectStartData{ConnConfig: config})
	connections.TraceConnectEnd(ctx, pgx.TraceConnectEndData{Err: reasons[n%4]})
}

// TestCardinality rotates ten thousand times: there are as many series as after the first hundred.
func TestCardinality(t *testing.T) {
	r, pool := newRig(t), &rotating{}
	if err := r.Observe(pool); err != nil {
		t.Fatal(err)
	}
	connections, err := conntrace.New(r.Telemetry, &conntrace.Options{Every: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		pool.rotate(r.OnEvent)
		giveUp(connections, pool.generation)
	}
	few := len(r.read(t))
	for range 9_900 {
		pool.rotate(r.OnEvent)
		giveUp(connections, pool.generation)
		if pool.generation%500 == 0 {
			r.spans.Reset()
		}
	}
	many := r.read(t)
	if len(many) != few || few > 150 {
		t.Errorf("%d series after 100 rotations, %d after 10,000", few, len(many))
	}
	t.Logf("%d series", len(many))
	if adopted, _ := value(many, "rekey.refresh.count"); adopted != 10_000 {
		t.Errorf("counted %v refreshes", adopted)
	}
	if span := r.RefreshOf(10_000); !span.IsValid() {
		t.Error("the last refresh is not remembered")
	}
	if span := r.RefreshOf(9_000); span.IsValid() {
		t.Error("a refresh is remembered that is long gone")
	}
}

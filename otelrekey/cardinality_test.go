package otelrekey_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
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

func (r *rotating) PoolStats() rekey.PoolStats { return rekey.PoolStats{Max: 4} }

// rotate tells of a rotation with everything that can happen in one.
func (r *rotating) rotate(hear func(rekey.Event)) {
	r.generation++
	g, version := r.generation, fmt.Sprint("v", r.generation)
	fail := &rekey.FetchError{Op: "fetch", Err: fmt.Errorf("no lease %s", version)}
	for _, e := range []rekey.Event{
		rekey.LoginRefusedEvent{Generation: g - 1, SQLState: fmt.Sprintf("%05d", g)},
		rekey.RefreshFailedEvent{Err: fail, Duration: time.Millisecond},
		rekey.RefusedEvent{Err: &rekey.VerifyError{Version: version, Err: errors.New(version)}},
		rekey.FetchedEvent{Version: version, Changed: true, Duration: time.Millisecond},
		rekey.BreakerEvent{From: rekey.BreakerOpen, To: rekey.BreakerClosed},
		rekey.AdoptedEvent{Generation: g, Version: version, Username: version, Alternate: g%2 == 0, Verify: time.Millisecond},
		rekey.RefreshEndedEvent{Trigger: rekey.TriggerDue, Outcome: rekey.OutcomeAdopted, Generation: g, Version: version},
		rekey.HandOverBegunEvent{Generation: g, Version: version, Connections: 4},
		rekey.DrainedEvent{Generation: g - 1, Cancelled: 1, Duration: time.Millisecond},
		rekey.HandOverEndedEvent{Generation: g, Version: version, Duration: time.Millisecond},
		rekey.RetiredEvent{Version: version, Err: fail},
	} {
		hear(e)
	}
}

// TestCardinality rotates ten thousand times: there are as many series as after the first hundred.
func TestCardinality(t *testing.T) {
	r, pool := newRig(t), &rotating{}
	if err := r.Observe(pool); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		pool.rotate(r.OnEvent)
	}
	few := len(r.read(t))
	for range 9_900 {
		pool.rotate(r.OnEvent)
		if pool.generation%500 == 0 {
			r.spans.Reset()
		}
	}
	many := r.read(t)
	if len(many) != few || few > 120 {
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

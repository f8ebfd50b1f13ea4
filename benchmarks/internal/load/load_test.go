package load

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestOutcomes(t *testing.T) {
	t0 := time.Now()
	at := func(ms int) time.Time { return t0.Add(time.Duration(ms) * time.Millisecond) }
	kills := []Kill{{From: at(100), To: at(120)}}
	ended := &pgconn.PgError{Code: "57P01"}
	for name, test := range map[string]struct {
		op   Op
		want Outcome
	}{
		"went well":                        {Op{}, Succeeded},
		"told by the server":               {Op{Began: at(90), Ended: at(105), Err: ended}, Killed},
		"broken socket":                    {Op{Began: at(90), Ended: at(105), Err: fmt.Errorf("reading: %w", io.ErrUnexpectedEOF)}, Killed},
		"begun while sessions went":        {Op{Began: at(119), Ended: at(121), Err: driver.ErrBadConn}, Killed},
		"given a dead connection later":    {Op{Began: at(140), Ended: at(141), Err: ended}, Failed},
		"over before the kill":             {Op{Began: at(80), Ended: at(90), Err: ended}, Failed},
		"no rights, during the kill":       {Op{Began: at(90), Ended: at(105), Err: &pgconn.PgError{Code: "42501"}}, Failed},
		"deadline, during the kill":        {Op{Began: at(90), Ended: at(105), Err: context.DeadlineExceeded}, Late},
		"deadline while logging in":        {Op{Err: &timedOut{}}, Late},
		"login broken off during the kill": {Op{Began: at(90), Ended: at(105), Err: &pgconn.ConnectError{}}, Unconnected},
		"closed pool":                      {Op{Err: errors.New("closed pool")}, Failed},
	} {
		if test.op.Err != nil && test.op.Began.IsZero() {
			test.op.Began, test.op.Ended = at(10), at(20)
		}
		if got := OutcomeOf(test.op, kills); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// timedOut is what a login gives that the caller's deadline ended.
type timedOut struct{ pgconn.ConnectError }

func (*timedOut) Error() string   { return "timed out" }
func (e *timedOut) Unwrap() error { return context.DeadlineExceeded }

// TestStallIsFelt: a pool that answers nobody for 100 ms must not look fast, as it would to callers who wait for their
// answers before they ask again.
func TestStallIsFelt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		stall := func(ctx context.Context, _ string, _ int) error {
			if gone := time.Since(began); gone > 500*time.Millisecond && gone < 600*time.Millisecond {
				time.Sleep(600*time.Millisecond - gone)
			}
			return nil
		}
		to := NewRecorder(0)
		Load{Rate: 1000, Rows: 10, Deadline: time.Second}.Run(t.Context(), time.Second, stall, to)
		r := to.Result(began, nil)
		if r.Ops != 1000 || r.Failures() != 0 {
			t.Errorf("%d operations, %d failed", r.Ops, r.Failures())
		}
		if p := r.Quantile(95); p < 45*time.Millisecond || p > 55*time.Millisecond {
			t.Errorf("p95 is %v: a tenth of the callers waited 0 to 100 ms", p)
		}
		if r.WorstStall < 99*time.Millisecond || r.WorstStall > 101*time.Millisecond {
			t.Errorf("worst stall %v", r.WorstStall)
		}
		if bin := r.Worst[25]; bin.At != 500*time.Millisecond || bin.Value < 95*time.Millisecond {
			t.Errorf("%+v", bin)
		}
	})
}

// TestFailuresAreNotFast: a pool that fails at once has the latency of its callers' deadline.
func TestFailuresAreNotFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		to := NewRecorder(0)
		fail := func(context.Context, string, int) error { return errors.New("closed pool") }
		Load{Rate: 100, Rows: 1, Deadline: time.Second}.Run(t.Context(), time.Second, fail, to)
		r := to.Result(began, nil)
		if p := r.Quantile(50); r.Failures() != 100 || p < 999*time.Millisecond || r.Worst[0].Value != time.Second {
			t.Errorf("%d failed, p50 %v, %+v", r.Failures(), p, r.Worst[0])
		}
	})
}

func TestClosedLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var now, most atomic.Int32
		to := NewRecorder(0)
		Load{Callers: 3, Rows: 2, Deadline: time.Second}.Run(t.Context(), time.Second, func(_ context.Context, _ string, id int) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(10 * time.Millisecond)
			if id < 1 || id > 2 {
				t.Errorf("id %d", id)
			}
			return nil
		}, to)
		if r := to.Result(began, nil); r.Ops < 300 || r.Ops > 303 || most.Load() != 3 {
			t.Errorf("%d operations, %d at once", r.Ops, most.Load())
		}
	})
}

// TestDeadline counts from when the operation was due.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		to := NewRecorder(0)
		Load{Rate: 10, Rows: 1, Deadline: 300 * time.Millisecond}.Run(t.Context(), time.Second,
			func(ctx context.Context, _ string, _ int) error { <-ctx.Done(); return ctx.Err() }, to)
		r := to.Result(began, nil)
		if r.Outcomes[Late] != 10 || r.Quantile(100) > 301*time.Millisecond {
			t.Errorf("%v late, the longest after %v", r.Outcomes, r.Quantile(100))
		}
		if r.LastFailure != 1200*time.Millisecond || r.WorstStall != 1200*time.Millisecond || len(r.Errors) != 1 {
			t.Errorf("last failure at %v, stall %v, %q", r.LastFailure, r.WorstStall, r.Errors)
		}
	})
}

// TestOpenEndsWhileItLags: a load of more operations than can be started ends with its context, too.
func TestOpenEndsWhileItLags(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	none := func(context.Context, string, int) error { return nil }
	Load{Rate: 1e12, Rows: 1, Deadline: time.Second}.Run(ctx, time.Hour, none, NewRecorder(0)) // it returns
}

package otelrekey_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
)

// still is a pool that is what the test says.
type still struct {
	status rekey.Status
	stats  rekey.PoolStats
}

func (s *still) Status() rekey.Status       { return s.status }
func (s *still) PoolStats() rekey.PoolStats { return s.stats }

// everyEvent is one of each kind, with every value that an attribute can have, and durations that are all different.
func everyEvent() (events []rekey.Event) {
	add := func(e ...rekey.Event) { events = append(events, e...) }
	for _, op := range []string{"fetch", "renew", "alternates"} {
		add(rekey.RefreshFailedEvent{Err: &rekey.FetchError{Op: op, Err: errors.New("out")}, Duration: time.Second})
	}
	fail := func(e rekey.FetchError) *rekey.FetchError { e.Op = "fetch"; return &e }
	late := fail(rekey.FetchError{Err: errTimeout})
	for _, err := range []*rekey.FetchError{fail(rekey.FetchError{Permanent: true, Err: errors.New("no")}), late} {
		add(rekey.RefreshFailedEvent{Err: err, Duration: time.Second}, rekey.RetiredEvent{Err: err})
	}
	add(rekey.RefreshFailedEvent{Err: fail(rekey.FetchError{Unasked: true, Err: errors.New("open")}), Duration: time.Hour})
	add(rekey.RetiredEvent{}, rekey.RetiredEvent{Err: fail(rekey.FetchError{Err: errors.New("out")})})
	for _, class := range []rekey.VerifyClass{rekey.VerifyUnknown, rekey.VerifyRefused, rekey.VerifyForbidden, rekey.VerifyLacking} {
		add(rekey.RefusedEvent{Err: &rekey.VerifyError{Class: class, Err: errors.New("no")}, Duration: 2 * time.Second})
	}
	outcomes := []rekey.Outcome{rekey.OutcomeAdopted, rekey.OutcomeRenewed, rekey.OutcomeRestored, rekey.OutcomeUnchanged, rekey.OutcomeFailed}
	for i, trigger := range []rekey.Trigger{rekey.TriggerStart, rekey.TriggerDue, rekey.TriggerChanged, rekey.TriggerRefused, rekey.TriggerAsked} {
		add(rekey.RefreshEndedEvent{Trigger: trigger, Outcome: outcomes[i], Generation: 1, Duration: 3 * time.Second})
	}
	for _, code := range []string{
		"28P01", "28000", "42501", "42704", "3D000", "1044", "1045", "1049", "1130", "1141", "1142", "1143", "1227", "1370", "1698",
		"1820", "1862", "3118", "3955", "4150", "4151", "made up",
	} {
		add(rekey.LoginRefusedEvent{SQLState: code, Revoked: code == "42704"})
	}
	for _, to := range []string{rekey.BreakerClosed, rekey.BreakerHalfOpen, rekey.BreakerOpen} {
		add(rekey.BreakerEvent{To: to})
	}
	add(
		rekey.FetchedEvent{Duration: 4 * time.Second}, rekey.RenewedEvent{Duration: 5 * time.Second}, rekey.AlternatesEvent{Duration: 6 * time.Second},
		rekey.AdoptedEvent{Alternate: true, Verify: 7 * time.Second}, rekey.LoginRestoredEvent{Verify: 8 * time.Second},
		rekey.HandOverEndedEvent{Generation: 1, Duration: 9 * time.Second}, rekey.HandOverEndedEvent{Overtaken: true, Duration: 10 * time.Second},
		rekey.DrainedEvent{Cancelled: 3, Duration: 11 * time.Second}, rekey.DrainedEvent{Empty: true, Duration: time.Hour},
		rekey.ConfirmedEvent{}, rekey.ExpiredEvent{}, rekey.WarningEvent{Field: "sslmode"}, rekey.ClosedEvent{Abandoned: 2},
	)
	return events
}

// errTimeout is what a source that does not answer in time returns.
var errTimeout = context.DeadlineExceeded

// TestValues tells of everything there is, and finds it all in the metrics, with its numbers.
func TestValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		if _, err := conntrace.New(r.Telemetry, nil); err != nil {
			t.Fatal(err)
		}
		pool := &still{
			status: rekey.Status{
				State: rekey.StateServing, Generation: 12, Failures: 13, Breaker: rekey.BreakerHalfOpen, Alternate: true, Connections: 14, Usable: 32,
				IssuedAt: time.Now(), FirstIssuedAt: time.Now().Add(-15 * time.Second), ExpiresAt: time.Now().Add(16 * time.Second),
				NotAfter: time.Now().Add(17 * time.Second), RefreshDue: time.Now().Add(-18 * time.Second),
				Draining: []rekey.GenerationStatus{{Connections: 19}, {Connections: 20}},
			},
			stats: rekey.PoolStats{
				Max: 21, MinIdle: 22, Idle: 23, Used: 24, Acquires: 25, AcquireTime: 26 * time.Second, Waited: 27,
				WaitTime: 28 * time.Second, Canceled: 29, TimedOut: 30, Created: 31,
			},
		}
		if err := r.Observe(pool); err != nil {
			t.Fatal(err)
		}
		for _, e := range everyEvent() {
			r.OnEvent(e)
		}
		points := r.read(t)
		checkValues(t, withoutConntrace(table(t, "metrics")), points)
		checkNumbers(t, points)
		pool.status.RefreshDue = time.Now().Add(time.Minute)
		if got, found := value(r.read(t), "rekey.refresh.overdue"); got != 0 || !found {
			t.Errorf("overdue by %v (%t) before the time", got, found)
		}
	})
}

// withoutConntrace leaves out what is measured on single connections.
func withoutConntrace(rows map[string]row) map[string]row {
	for _, name := range []string{"db.client.connection.wait_time", "db.client.connection.use_time", "db.client.connection.create_time"} {
		delete(rows, name)
	}
	return rows
}

// checkNumbers compares with what everyEvent and the pool have told.
func checkNumbers(t *testing.T, points []point) {
	t.Helper()
	is := func(key, v string) attribute.KeyValue { return attribute.String(key, v) }
	for _, want := range []struct {
		name  string
		value float64
		sum   float64 // of a histogram
		by    []attribute.KeyValue
	}{
		{"db.client.connection.count", 23, 0, []attribute.KeyValue{is("db.client.connection.state", "idle")}},
		{"db.client.connection.count", 24, 0, []attribute.KeyValue{is("db.client.connection.state", "used")}},
		{"db.client.connection.max", 21, 0, nil},
		{"db.client.connection.idle.max", 21, 0, nil},
		{"db.client.connection.idle.min", 22, 0, nil},
		{"db.client.connection.timeouts", 30, 0, nil},
		{"db.client.connection.pending_requests", 0, 0, nil},
		{"rekey.acquire.count", 25, 0, nil},
		{"rekey.acquire.time", 26, 0, nil},
		{"rekey.acquire.waited", 27, 0, nil},
		{"rekey.acquire.wait_time", 28, 0, nil},
		{"rekey.connection.created", 31, 0, nil},
		{"rekey.credential.generation", 12, 0, nil},
		{"rekey.credential.age", 15, 0, nil},
		{"rekey.credential.alternate", 1, 0, nil},
		{"rekey.credential.time_to_expiry", 16, 0, nil},
		{"rekey.credential.time_to_not_after", 17, 0, nil},
		{"rekey.refresh.overdue", 18, 0, nil},
		{"rekey.refresh.failures", 13, 0, nil},
		{"rekey.connection.count", 14, 0, []attribute.KeyValue{is("rekey.generation.role", "current")}},
		{"rekey.connection.count", 39, 0, []attribute.KeyValue{is("rekey.generation.role", "draining")}},
		{"rekey.connection.usable", 32, 0, nil},
		{"rekey.generation.draining", 2, 0, nil},
		{"rekey.pool.state", 1, 0, []attribute.KeyValue{is("rekey.pool.state", "serving")}},
		{"rekey.pool.state", 1, 0, nil},
		{"rekey.breaker.state", 1, 0, []attribute.KeyValue{is("rekey.breaker.state", "half-open")}},
		{"rekey.breaker.state", 1, 0, nil},
		{"rekey.refresh.count", 5, 0, nil},
		{"rekey.refresh.duration", 5, 15, nil},
		{"rekey.source.call.duration", 8, 20, nil},
		{"rekey.source.call.duration", 1, 1, []attribute.KeyValue{is("rekey.source.operation", "fetch"), is("error.type", "unavailable")}},
		{"rekey.source.call.skipped", 1, 0, nil},
		{"rekey.verify.duration", 6, 23, nil},
		{"rekey.verify.duration", 2, 15, []attribute.KeyValue{is("rekey.verify.result", "passed")}},
		{"rekey.hand_over.duration", 2, 19, nil},
		{"rekey.drain.duration", 1, 11, nil},
		{"rekey.connection.cut", 3, 0, []attribute.KeyValue{is("rekey.connection.cut.reason", "drain")}},
		{"rekey.connection.cut", 2, 0, []attribute.KeyValue{is("rekey.connection.cut.reason", "close")}},
		{"rekey.credential.retired", 4, 0, nil},
		{"rekey.credential.expired", 1, 0, nil},
		{"rekey.login.refused", 22, 0, nil},
		{"rekey.login.refused", 1, 0, []attribute.KeyValue{attribute.Bool("rekey.login.revoked", true)}},
		{"rekey.alternate.used", 1, 0, nil},
		{"rekey.alternate.confirmed", 1, 0, nil},
		{"rekey.breaker.transition", 3, 0, nil},
		{"rekey.warning", 1, 0, nil},
	} {
		got, _ := value(points, want.name, want.by...)
		if math.Abs(got-want.value) > 1e-6 || math.Abs(sum(points, want.name, want.by...)-want.sum) > 1e-6 {
			t.Errorf("%s%v is %v (sum %v), want %v (%v)", want.name, want.by, got, sum(points, want.name, want.by...), want.value, want.sum)
		}
	}
}

package main

import (
	"math"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

// at is a moment of a test, in milliseconds.
func at(ms int) time.Time { return time.Unix(0, 0).Add(time.Duration(ms) * time.Millisecond) }

func TestStepsOf(t *testing.T) {
	const ms = time.Millisecond
	a := adoption{trigger: rekey.TriggerChanged, began: at(10), at: at(50), fetch: 5 * ms, verify: 30 * ms}
	for name, test := range map[string]struct {
		changed, ready int
		want           steps
	}{
		"in order":                         {0, 57, steps{notice: 10 * ms, publish: 5 * ms, hand: 7 * ms}},
		"noticed before the call was over": {12, 57, steps{publish: 5 * ms, hand: 7 * ms}},
		"a connection before the event":    {0, 47, steps{notice: 10 * ms, publish: 2 * ms}},
	} {
		test.want.trigger, test.want.fetch, test.want.verify = a.trigger, a.fetch, a.verify
		if got := stepsOf(at(test.changed), a, at(test.ready)); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// What the events of a refresh say, in the order in which a pool tells them.
func TestRecorder(t *testing.T) {
	r := newRecorder()
	for _, e := range []rekey.Event{
		rekey.FetchedEvent{Duration: 1}, rekey.RefreshEndedEvent{Outcome: rekey.OutcomeUnchanged}, // a poll before the change
		rekey.FetchedEvent{Duration: 10}, rekey.AlternatesEvent{Duration: 20}, rekey.AdoptedEvent{Verify: 300},
		rekey.RefreshEndedEvent{Outcome: rekey.OutcomeAdopted, Trigger: rekey.TriggerRefused, Duration: time.Hour},
	} {
		r.hear(e)
	}
	r.ready <- time.Now()
	a, _, err := r.await(t.Context())
	if err != nil || a.fetch != 30 || a.verify != 300 || a.trigger != rekey.TriggerRefused || a.at.Sub(a.began) < 59*time.Minute {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestQuantile(t *testing.T) {
	values := []float64{40, 10, 30, 20}
	for p, want := range map[float64]float64{0: 10, 50: 25, 90: 37, 100: 40} {
		if got := quantile(values, p); math.Abs(got-want) > 1e-9 {
			t.Errorf("p%v is %v, want %v", p, got, want)
		}
	}
	if !math.IsNaN(quantile(nil, 50)) {
		t.Error("nothing has a median")
	}
}

package refresh

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// rounds returns how the refreshes so far began and ended, one word each.
func (r *rig) rounds() string {
	var words []string
	for _, e := range r.said() {
		if e, ok := e.(rekey.RefreshEndedEvent); ok {
			words = append(words, fmt.Sprintf("%s:%s", e.Trigger, e.Outcome))
		}
	}
	return strings.Join(words, " ")
}

func TestRoundsAreTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.source.say(static("v2"), nil)
		r.source.notify()
		settle()
		r.source.say(source.Credential{}, errors.New("store is out"))
		time.Sleep(61 * time.Second)
		settle()
		got := r.rounds()
		if want := "start:adopted asked:unchanged changed:adopted due:failed"; !strings.HasPrefix(got, want) {
			t.Errorf("rounds %q, want %q first", got, want)
		}
	})
}

// TestRecoveryIsTold: the refresh that ends failures says how many, and those around it do not.
func TestRecoveryIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.source.say(source.Credential{}, errors.New("store is out"))
		time.Sleep(5 * time.Minute)
		settle()
		failures := r.View().Failures
		r.source.say(static("v1"), nil)
		time.Sleep(10 * time.Minute)
		settle()
		var told []int
		for _, e := range r.said() {
			if e, ok := e.(rekey.RefreshEndedEvent); ok && e.Recovered > 0 {
				told = append(told, e.Recovered)
				if e.Outcome != rekey.OutcomeUnchanged {
					t.Errorf("it was %s", e.Outcome)
				}
			}
		}
		if len(told) != 1 || failures == 0 || told[0] < failures {
			t.Errorf("recovered from %v, after %d failures", told, failures)
		}
	})
}

// TestBreakerIsTold: each change of the breaker is an event, the end of its pause included, within the second.
func TestBreakerIsTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.source.say(source.Credential{}, errors.New("store is out"))
		time.Sleep(30 * time.Minute)
		settle()
		last := rekey.BreakerClosed
		changes := map[string]int{}
		for _, e := range r.said() {
			if e, ok := e.(rekey.BreakerEvent); ok {
				if e.From != last || e.To == e.From {
					t.Errorf("from %s to %s, after %s", e.From, e.To, last)
				}
				last = e.To
				changes[e.To]++
			}
		}
		if changes[rekey.BreakerOpen] < 2 || changes[rekey.BreakerHalfOpen] < 2 {
			t.Errorf("changes %v", changes)
		}
		unasked := 0
		for _, e := range r.said() {
			if e, ok := e.(rekey.RefreshFailedEvent); ok && e.Err.Class() == rekey.FetchUnasked {
				unasked++
			}
		}
		t.Logf("changes %v, %d refreshes without asking", changes, unasked)
	})
}

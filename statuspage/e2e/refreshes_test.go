package e2e_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage/internal/everyevent"
)

// TestEveryEventIsToldInWords, those of the debug level, too.
func TestEveryEventIsToldInWords(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	for _, e := range everyevent.All() {
		orders.observe(e)
	}
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText(".log", "Pool closed")
	eval[bool](b, `document.querySelector("input[value=DEBUG]").click(), true`)
	b.untilText(".log", "Refresh, after a refused login, ended in 12 ms: the login in use works again, after 3 failures")
	lines := eval[[]string](b, `[...document.querySelectorAll(".log li .what")].map((e) => e.innerText)`)
	if want := len(everyevent.All()) + 3; len(lines) != want {
		t.Errorf("%d lines for %d events", len(lines), want)
	}
	for _, line := range lines {
		for _, no := range []string{"=", "undefined", "NaN", "null", "[object"} {
			if strings.Contains(line, no) {
				t.Errorf("%q is no sentence", line)
			}
		}
	}
	b.wantQuiet()
}

// TestRefreshesAreToldByTheirEnds: why each was made, as the pool says, and its steps; one line each.
func TestRefreshesAreToldByTheirEnds(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	const took = 2 * time.Millisecond
	end := func(trigger rekey.Trigger, outcome rekey.Outcome, err error) {
		orders.observe(rekey.RefreshEndedEvent{Trigger: trigger, Outcome: outcome, Generation: 2, Err: err, Duration: 10 * took})
	}
	sealed := func(op string) *rekey.FetchError { return &rekey.FetchError{Op: op, Err: errors.New("sealed")} }
	refused := &rekey.VerifyError{Version: "lease/2", Class: rekey.VerifyRefused, Err: errors.New("no such login")}
	b := newTab(t, look{})
	b.open(s.url())

	orders.observe(rekey.FetchedEvent{Duration: took})
	end(rekey.TriggerDue, rekey.OutcomeUnchanged, nil)
	orders.observe(rekey.RefreshFailedEvent{Err: sealed("fetch"), Duration: took})
	orders.observe(rekey.RenewedEvent{Generation: 1, Fallback: true, Duration: took})
	end(rekey.TriggerDue, rekey.OutcomeRenewed, sealed("fetch"))
	orders.observe(rekey.FetchedEvent{Forced: true, Duration: took})
	orders.observe(rekey.RefreshFailedEvent{Err: sealed("alternates"), Failures: 2, Duration: took})
	end(rekey.TriggerRefused, rekey.OutcomeFailed, sealed("alternates"))
	orders.observe(rekey.FetchedEvent{Version: "lease/2", Changed: true, Forced: true, Duration: took})
	orders.observe(rekey.RefusedEvent{Err: refused})
	end(rekey.TriggerAsked, rekey.OutcomeFailed, refused)
	b.untilText(".refreshes", "asked for")
	want := []string{
		"Not adopted asked for, fetched in 2 ms, lease/2 refused (refused): no such login",
		"No alternates after a refused login, fetched in 2 ms, could not ask for alternates: sealed (2 failures in a row)",
		"Lease renewed due, could not fetch a credential: sealed, renewed in 2 ms",
		"No change due, fetched in 2 ms",
		"Adopted as generation 1 announced by the source, fetched in under 1 ms, verified in under 1 ms",
	}
	b.wantRefreshes(want)

	orders.observe(rekey.AlternatesEvent{Candidates: 1, Duration: took})
	orders.observe(rekey.AdoptedEvent{Generation: 2, Alternate: true, Verify: took})
	end(rekey.TriggerRefused, rekey.OutcomeAdopted, nil)
	orders.observe(rekey.LoginRestoredEvent{Generation: 2, Verify: took})
	end(rekey.TriggerRefused, rekey.OutcomeRestored, nil)
	b.untilText(".refreshes", "Login works again")
	b.wantRefreshes(append([]string{
		"Login works again after a refused login, verified in 2 ms",
		"Adopted as generation 2 after a refused login, 1 alternate named in 2 ms, an alternate, verified in 2 ms",
	}, want[:3]...))
	b.wantQuiet()
}

// wantRefreshes compares the lines of the history, without their times.
func (b *tab) wantRefreshes(want []string) {
	b.t.Helper()
	got := eval[[]string](b, `[...document.querySelectorAll(".refreshes li")].map((e) => e.querySelector(".outcome").textContent + " " + e.querySelector(".detail").textContent)`)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		b.t.Errorf("the history is\n%s\nand not\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

// TestEndIsThePools: a credential is of no use when the pool has closed its connections, a margin before it expires.
func TestEndIsThePools(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	now := time.Now()
	orders.set(func(s *rekey.Status) {
		s.State, s.IssuedAt, s.NotAfter, s.ExpiresAt = rekey.StateExpired, now.Add(-time.Hour), now.Add(-time.Minute), now.Add(time.Hour)
	})
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText(".badge", "expired")
	b.untilText("dd.ends", " ago")
	b.untilText("dd.ends", "; it expires at ")
	if eval[bool](b, `Boolean(document.querySelector("[data-phase=current] .ahead:not([hidden])"))`) {
		t.Error("the timeline says that it is still valid")
	}
	b.wantQuiet()
}

// TestTimesOfAnotherDay are told with the day: what a page keeps may be old.
func TestTimesOfAnotherDay(t *testing.T) {
	s := newSite(t, nil)
	s.puppet("orders")
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText(".log", "Generation 1 adopted")
	now := time.Date(2026, 3, 14, 15, 9, 26, 0, time.UTC)
	tell := func(at time.Time) string {
		return eval[string](b, fmt.Sprintf(`import("./format.js").then(({time}) => time(%d, %d))`, at.UnixMilli(), now.UnixMilli()))
	}
	clock := tell(now)
	if got := tell(now.Add(-time.Minute)); len(got) != len(clock) || got == clock {
		t.Errorf("a minute before %s is %s", clock, got)
	}
	if got := tell(now.Add(-48 * time.Hour)); !strings.Contains(got, "12") || !strings.Contains(got, "Mar") || !strings.Contains(got, clock[:5]) {
		t.Errorf("two days before %s is %s", clock, got)
	}
}

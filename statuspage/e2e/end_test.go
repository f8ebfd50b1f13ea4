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

// TestWhatIsLeftIsShown: what serves callers while the login is refused, how late a refresh is, and the credential's age.
func TestWhatIsLeftIsShown(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	now := time.Now()
	orders.set(func(s *rekey.Status) {
		s.FirstIssuedAt, s.IssuedAt, s.ExpiresAt = now.Add(-3*time.Hour-7*time.Minute), now.Add(-time.Minute), now.Add(time.Hour)
		s.NextRefresh, s.RefreshDue = now.Add(time.Minute), now.Add(time.Minute)
	})
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("dd.age", "3 h 7 min")
	b.until("nothing is overdue", `document.querySelector(".overdue").hidden`)
	orders.set(func(s *rekey.Status) {
		s.State, s.Usable, s.RefreshDue = rekey.StateRefused, 3, now.Add(-2*time.Hour-time.Minute)
	})
	b.untilText(".sentence", "3 open connections still serve.")
	b.untilText("dd.refresh", "overdue for 2 h 1 min")
	orders.set(func(s *rekey.Status) { s.Usable = 1 })
	b.untilText(".sentence", "1 open connection still serves.")
	orders.set(func(s *rekey.Status) { s.Usable = 0 })
	b.untilText(".sentence", "callers get none.")
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

// TestClosedPoolHasAnEnd: nothing counts on, and no bar grows.
func TestClosedPoolHasAnEnd(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	orders.set(func(s *rekey.Status) {
		s.IssuedAt, s.NextRefresh = time.Now(), time.Now().Add(20*time.Minute)
		s.NotAfter, s.ExpiresAt = time.Now().Add(time.Hour), time.Now().Add(time.Hour)
	})
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("dd.ends", "in ")
	orders.observe(rekey.ClosedEvent{})
	orders.set(func(s *rekey.Status) { s.State, s.Connections, s.Usable = rekey.StateClosed, 0, 0 })
	b.untilText(".badge", "closed")
	b.untilText("[data-phase=gone] .story", "closed")
	facts := eval[[]string](b, `["ends", "refresh", "connections", "breaker"].map((f) => document.querySelector("dd." + f + " > span").textContent)`)
	if got := strings.Join(facts, " "); got != "– – – –" {
		t.Errorf("the facts are %s", got)
	}
	if eval[bool](b, `Boolean(document.querySelector(".life:not([hidden]), .mark[data-kind=next], [data-phase] .ahead:not([hidden])"))`) {
		t.Error("something lies ahead of a closed pool")
	}
	const end = `import("./timeline.js").then(() => import("./generations.js")).then(({generations}) => {
		const at = Date.now();
		const records = [{name: "credential adopted", at: at - 9000, attrs: {generation: 1}}, {name: "pool closed", at: at - 5000, attrs: {}}];
		return generations(records, {state: "closed", generation: 1, version: "", connections: 0, not_after: new Date(at + 47000).toISOString()})
			.map((g) => [g.closed, at - g.closedAt, g.current, g.expires].join(" ")).join();
	})`
	if got, want := eval[string](b, end), "true 5000 false "; got != want {
		t.Errorf("the generation is %q, want %q", got, want)
	}
	b.wantQuiet()
}

// TestExpiredIsShownSo, also after another has come: callers had none in between.
func TestExpiredIsShownSo(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=current] .story", "in use since")
	orders.observe(rekey.ExpiredEvent{Generation: 1, Version: version(1)})
	orders.set(func(s *rekey.Status) { s.State, s.Connections = rekey.StateExpired, 0 })
	b.untilText("[data-phase=expired] .story", "expired")
	orders.adopt(2)
	orders.set(func(s *rekey.Status) { s.State, s.Connections = rekey.StateServing, 6 })
	b.untilText("[data-phase=current] .story", "in use since")
	b.untilText("[data-phase=gone] .story", "expired")
	orders.observe(rekey.DrainedEvent{Generation: 1, Version: version(1), Empty: true})
	b.untilText(".log", "expired")
	const gap = `Promise.all([import("./timeline.js"), import("./generations.js")]).then(([{Timeline}, {generations}]) => {
		const now = Date.now();
		const records = [
			{name: "credential adopted", at: now - 40000, attrs: {generation: 1}},
			{name: "credential expired", at: now - 20000, attrs: {generation: 1}},
			{name: "credential adopted", at: now - 10000, attrs: {generation: 2}},
			{name: "generation drained", at: now - 9000, attrs: {generation: 1, duration: 1}},
		];
		const timeline = new Timeline("");
		timeline.update(generations(records, {state: "serving", generation: 2, connections: 1}), [], {state: "serving"}, now);
		const row = (phase, part) => timeline.node.querySelector("[data-phase=" + phase + "] ." + part);
		const at = (phase, name) => parseFloat(row(phase, "reign").style.getPropertyValue("--" + name));
		return [at("gone", "to") < at("current", "from"), row("gone", "drain").hidden, row("gone", "story").textContent].join(" ");
	})`
	if got, want := eval[string](b, gap), "true true expired"; got != want {
		t.Errorf("the generation that expired is shown %q, want %q", got, want)
	}
	b.wantQuiet()
}

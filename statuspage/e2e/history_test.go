package e2e_test

import "testing"

// TestPollsPushNothingOut: neither of the server's memory nor of the browser's.
func TestPollsPushNothingOut(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=current] .id", "1")
	orders.adopt(2)
	for range 150 {
		orders.poll()
	}
	orders.adopt(3)
	for range 2 {
		b.untilText("[data-phase=current] .who", user(3))
		if got := eval[int](b, `document.querySelectorAll(".timeline [data-phase]").length`); got != 3 {
			t.Errorf("%d of 3 generations are on the timeline", got)
		}
		eval[bool](b, `document.querySelector("input[value=DEBUG]").click(), true`)
		b.until("routine is shown, and not all of it", `document.querySelectorAll(".log [data-level=DEBUG]").length === 50 + 3`)
		b.open(s.url())
	}
	b.wantQuiet()
}

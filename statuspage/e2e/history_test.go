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

// TestNameIsUsedAgain: what is shown of a pool is not that of the one before.
func TestNameIsUsedAgain(t *testing.T) {
	s := newSite(t, nil)
	first := s.puppet("orders")
	first.adopt(2)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=current] .id", "2")
	s.page.Remove("orders")
	first.adopt(3) // it lives on
	s.puppet("orders")
	b.untilText("[data-phase=current] .id", "1")
	for _, list := range []string{".timeline [data-phase]", ".refreshes li", ".log li"} {
		if got := eval[int](b, `document.querySelectorAll("`+list+`").length`); got != 1 {
			t.Errorf("%d of %s are shown:\n%s", got, list, b.text("main"))
		}
	}
	b.wantQuiet()
}

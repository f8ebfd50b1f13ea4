package e2e_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
)

// TestStuckGenerationIsShown: whatever came after it, and however many there are.
func TestStuckGenerationIsShown(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	b := newTab(t, look{})
	b.open(s.url())
	ids := func() string {
		return strings.Join(eval[[]string](b, `[...document.querySelectorAll(".timeline tr[data-phase]")].map((r) => r.dataset.phase + " " + r.querySelector(".id").textContent)`), ", ")
	}
	orders.hand(2, 0)
	orders.hand(3, 1)
	for _, g := range []uint64{4, 5, 6, 7} {
		orders.hand(g, 0)
	}
	b.untilText("[data-phase=current] .id", "7")
	b.untilText("dd.connections", "+ 1 draining")
	if got, want := ids(), "current 7, gone 6, gone 5, draining 2"; got != want {
		t.Errorf("the rows are %s, and not %s", got, want)
	}
	for g := uint64(8); g <= 9; g++ {
		orders.hand(g, 1)
	}
	b.untilText("[data-phase=current] .id", "9")
	b.until("two more drain", `document.querySelectorAll("[data-phase=draining]").length === 3`)
	if got, want := ids(), "current 9, draining 8, draining 7, draining 2"; got != want {
		t.Errorf("the rows are %s, and not %s", got, want)
	}
	if got := eval[[]string](b, `[...document.querySelectorAll("[data-phase=draining] .story")].map((e) => e.dataset.side)`); strings.Join(got, " ") != "after after after" {
		t.Errorf("how long they have been draining is shown %q", got)
	}
	b.wantQuiet()
}

// TestRefusedIsNotValid, however long its lease: nothing lies ahead of it on the timeline.
func TestRefusedIsNotValid(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	orders.set(func(s *rekey.Status) { s.ExpiresAt = time.Now().Add(time.Hour) })
	b := newTab(t, look{})
	b.open(s.url())
	const ahead = `document.querySelectorAll("[data-phase=current] .ahead:not([hidden])").length`
	b.until("it is valid", ahead+" === 1")
	orders.set(func(s *rekey.Status) { s.State = rekey.StateRefused })
	b.until("it is not", ahead+" === 0")
	b.wantQuiet()
}

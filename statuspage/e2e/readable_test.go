package e2e_test

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/rekeyhq/rekey"
)

// TestReaderChoosesTheSize of text, and none is tiny by itself.
func TestReaderChoosesTheSize(t *testing.T) {
	s := newSite(t, nil)
	s.puppet("orders").hand(2, 1)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=draining] .story", "draining")
	const smallest = `Math.min(...[...document.querySelectorAll("body *")].filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()))
		.map((e) => parseFloat(getComputedStyle(e).fontSize)))`
	if got := eval[float64](b, smallest); got < 12 {
		t.Errorf("the smallest text has %.2f pixels", got)
	}
	send(b, page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: 32}})
	b.until("text is twice as large", `parseFloat(getComputedStyle(document.body).fontSize) === 30`)
	if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("the page is %d pixels too wide", over)
	}
}

// TestColoursCanBeToldApart: WCAG asks for 3:1 of graphics (1.4.11) and for 4.5:1 of text (1.4.3), against all that they
// are drawn upon.
func TestColoursCanBeToldApart(t *testing.T) {
	s := newSite(t, nil)
	s.puppet("orders")
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("#link", "live")
	for _, l := range []look{{}, {dark: true}} {
		b.dress(l)
		for _, faint := range eval[[]string](b, `(() => {
			const value = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
			const light = (c) => [1, 3, 5].map((i) => parseInt(c.slice(i, i + 2), 16) / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
				.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
			const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
			const faint = [];
			const least = {use: 3, drain: 3, gone: 3, bad: 3, text: 4.5, soft: 4.5, "drain-text": 4.5, "good-text": 4.5, "bad-text": 4.5};
			for (const [mark, enough] of Object.entries(least)) for (const ground of ["card", "ground", "track"]) {
				const r = ratio(value(mark), value(ground));
				if (!(r >= enough)) faint.push(mark + " on " + ground + ": " + r.toFixed(2));
			}
			return faint;
		})()`) {
			t.Errorf("%s: %s", l, faint)
		}
	}
}

// TestLongNamesAreShownInFull: those of users and versions are what an operator looks for.
func TestLongNamesAreShownInFull(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("a-pool-with-a-name-of-some-length")
	s.puppet("billing")
	name, lease := "v-token-readonly-"+strings.Repeat("Xq3", 16), "database/creds/readonly/"+strings.Repeat("kP9", 24)
	orders.observe(rekey.AdoptedEvent{Generation: 2, Version: lease, Username: name})
	orders.set(func(s *rekey.Status) { s.Generation, s.Username, s.Version = 2, name, lease })
	for _, l := range []look{{}, {phone: true}} {
		b := newTab(t, l)
		b.open(s.url())
		b.untilText("dd.user", name)
		b.untilText("[data-phase=current] .who", name)
		if cut := eval[[]string](b, `[...document.querySelectorAll("dd, th, .who, .from, .what, .detail, h2")]
			.filter((e) => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== "inline" && getComputedStyle(e).overflowX !== "visible" || getComputedStyle(e).textOverflow === "ellipsis")
			.map((e) => e.className + ": " + e.textContent)`); len(cut) > 0 {
			t.Errorf("%s: cut: %q", l, cut)
		}
		if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
			t.Errorf("%s: the page is %d pixels too wide", l, over)
		}
	}
}

// TestLogStaysWhereOneReads: what comes anew comes above.
func TestLogStaysWhereOneReads(t *testing.T) {
	s := newSite(t, nil)
	orders := s.puppet("orders")
	warn := func(text string) { orders.observe(rekey.WarningEvent{Field: "Field", Message: text}) }
	for range 40 {
		warn("old")
	}
	warn("read")
	for range 40 {
		warn("old")
	}
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText(".log", "Field: read")
	eval[bool](b, `window.line = [...document.querySelectorAll(".log li")].find((e) => e.textContent.includes("read")), line.scrollIntoView(), true`)
	const where = `Math.round(line.getBoundingClientRect().top)`
	before := eval[int](b, where)
	for range 30 {
		warn(strings.Repeat("new ", 60))
	}
	warn("the last")
	b.untilText(".log", "the last")
	if after := eval[int](b, where); after < before-1 || after > before+1 {
		t.Errorf("the line that is read went from %d to %d", before, after)
	}
	eval[bool](b, `document.querySelector(".log").scrollTop = 0, true`)
	warn("on top")
	b.untilText(".log li:first-child", "on top")
	if got := eval[int](b, `document.querySelector(".log").scrollTop`); got != 0 {
		t.Errorf("a log that is at its top is scrolled to %d", got)
	}
}

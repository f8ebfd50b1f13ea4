package e2e_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/statuspage"
)

// TestRotationIsShownAsItHappens on a real server: the next generation, the one before while it drains, and its end.
func TestRotationIsShownAsItHappens(t *testing.T) {
	s := newSite(t, &statuspage.Options{Title: "shop-api"})
	orders := s.open("orders", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("h1", "shop-api")
	b.untilText("#overview", "1 pool serving")
	b.untilText(".badge", "serving")
	b.untilText("[data-phase=current] .number", "6 connections")
	b.untilText("[data-phase=current] .who", orders.logins[0].User)

	giveBack := orders.hold(2)
	second := orders.rotate()
	b.untilText("[data-phase=current] .who", second)
	b.untilText("[data-phase=draining] .number", "2 connections")
	b.untilText("[data-phase=draining] .story", "draining for")
	b.untilText("dd.connections", "+ 2 draining")
	b.untilText(".log", "Generation 2 adopted: "+second)
	b.untilText(".refreshes", "Adopted as generation 2 announced by the source, fetched in")
	b.untilText(".refreshes", "Adopted as generation 1 at the start, fetched in")
	giveBack()
	b.untilText("[data-phase=gone] .story", "drained in")
	b.untilText(".log", "Generation 1 drained")
	if n := eval[int](b, `document.querySelectorAll("tr[data-phase=current]").length`); n != 1 {
		t.Errorf("%d generations are in use", n)
	}

	orders.wantNoSecret("the page", eval[string](b, `document.documentElement.outerHTML`))
	orders.wantNoSecret("state.json", fetch(t, s.url()+"state.json"))
	b.wantQuiet()
	b.wantOnly(s.url())
}

// TestTroubleIsShown: a source that fails, a breaker that opens, and the end of both.
func TestTroubleIsShown(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	s.open("billing", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("#overview", "2 pools serving")
	orders.fail("the store is sealed")
	b.untilText(".badge", "degraded")
	b.untilText(".sentence", "the store is sealed")
	b.untilText("#overview", "2 pools: 1 degraded, 1 serving")
	b.untilText("#announcer", "orders is degraded")
	b.until("the title says so", `document.title === "degraded · Database credentials"`)
	b.untilText("dd.breaker", "open")
	b.untilText(".refreshes [data-kind=failed]", "the store is sealed")
	b.until("it is on the timeline", `document.querySelector(".mark[data-kind=failed]")`)
	orders.source.FailNext(0, nil)
	envtest.Eventually(t, patience, func() bool { return orders.pool.Refresh(t.Context()) == nil }, "the pool has recovered")
	b.untilText(".badge", "serving")
	b.untilText("#overview", "2 pools serving")
	b.wantQuiet()
}

// TestRefusedLoginIsShown, and the alternate that ends it: the password was changed before the store knew.
func TestRefusedLoginIsShown(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText(".badge", "serving")
	changed, err := orders.issuer.AlterPassword(t.Context(), orders.logins[0])
	if err != nil {
		t.Fatal(err)
	}
	orders.logins = append(orders.logins, changed)
	orders.pool.Reset()
	go orders.pool.Ping(t.Context()) // waits for a login that works
	b.untilText(".badge", "refused")
	b.untilText("#announcer", "orders is refused")
	b.untilText("[data-phase=current] .story", "refused; in use since")
	b.untilText(".log", "The server refused the login of generation 1 (28P01)")
	orders.source.SetAlternates(source.Credential{
		Username: changed.User, Password: source.NewSecret(changed.Password), Version: "pending",
	})
	orders.source.Notify()
	b.untilText("dd.user", changed.User+" (alternate)")
	b.untilText(".refreshes [data-kind=adopted]", "1 alternate named in") // by whichever refresh came first
	b.untilText("[data-phase=current] .story", "an alternate")
	b.untilText(".badge", "serving")
	orders.wantNoSecret("the page", eval[string](b, `document.documentElement.outerHTML`))
	b.wantQuiet()
}

// TestKeyboard: everything can be reached and used without a mouse, and what has the focus can be seen.
func TestKeyboard(t *testing.T) {
	s := newSite(t, nil)
	s.open("orders", 0)
	s.open("billing", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.until("the pools are there", `document.querySelectorAll(".pool").length === 2`)
	var stops []string
	for range 7 {
		do(b, chromedp.KeyEvent(kb.Tab))
		stops = append(stops, eval[string](b, `(e => e.id || e.getAttribute("href") || e.name || e.className)(document.activeElement)`))
		if width := eval[string](b, `getComputedStyle(document.activeElement).outlineStyle`); width == "none" {
			t.Errorf("the focus on %s cannot be seen", stops[len(stops)-1])
		}
	}
	if got, want := strings.Join(stops, " "), "#main pause #pool-1 #pool-2 level log state.json"; got != want {
		t.Errorf("Tab goes to %s, and not to %s", got, want)
	}
	eval[bool](b, `document.getElementById("pause").focus(), true`)
	do(b, chromedp.KeyEvent(" "))
	b.until("it is paused", `document.getElementById("pause").getAttribute("aria-pressed") === "true"`)
	b.untilText("#link", "paused")
	do(b, chromedp.KeyEvent(" "))
	b.untilText("#link", "live")
	eval[bool](b, `document.querySelector("input[value=INFO]").focus(), true`)
	do(b, chromedp.KeyEvent(kb.ArrowRight))
	b.until("only warnings are shown", `!document.querySelector(".log [data-level=INFO]")`)
	do(b, chromedp.KeyEvent(kb.ArrowLeft))
	b.until("changes are shown", `document.querySelector(".log [data-level=INFO]")`)
	eval[bool](b, `document.querySelector("nav a[href='#pool-2']").focus(), true`)
	do(b, chromedp.KeyEvent(kb.Enter))
	b.until("the pool has the focus", `document.activeElement.id === "pool-2"`)
	b.wantQuiet()
}

// TestPause: what moves by itself can be stopped, and goes on with what was missed.
func TestPause(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=current] .id", "1")
	eval[bool](b, `document.getElementById("pause").click(), true`)
	orders.rotate()
	envtest.Eventually(t, patience, func() bool { return orders.pool.Status().Generation == 2 }, "the pool has rotated")
	if got := b.text("[data-phase=current] .id"); got != "1" {
		t.Errorf("it shows generation %s while it is paused", got)
	}
	eval[bool](b, `document.getElementById("pause").click(), true`)
	b.untilText("[data-phase=current] .id", "2")
}

// TestNothingMoves: neither while the page fills nor in a rotation, but for what is there to move: bars, and the lines of
// lists.
func TestNothingMoves(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	s.open("billing", 0)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			b := newTab(t, l)
			b.open(s.url())
			eval[bool](b, `window.moved = 0, window.movers = [], new PerformanceObserver((list) => {
				for (const shift of list.getEntries()) {
					const elements = shift.sources.map(({node}) => node?.closest ? node : node?.parentElement);
					const movers = elements.filter((e) => e && !e.closest(".timeline tr, .axis, .refreshes, .log"));
					window.movers.push(...movers.map((e) => e.className || e.id || e.nodeName));
					if (movers.length) window.moved += shift.value;
				}
			}).observe({type: "layout-shift", buffered: true}), true`)
			for range 4 {
				b.untilText("[data-phase=current] .who", orders.rotate())
				b.until("the one before has drained", `document.querySelectorAll("[data-phase=gone]").length >= 1`)
			}
			if moved := eval[float64](b, `window.moved`); moved > 0.01 {
				t.Errorf("the layout shifted by %.3f: %q", moved, eval[[]string](b, `window.movers`))
			}
		})
	}
}

// TestPhone: no sideways scrolling, and fingers hit what they mean to.
func TestPhone(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	s.open("a-pool-with-a-name-that-is-far-too-long-for-a-phone-of-any-make", 0)
	orders.fail("an error text with a word that is very long: " + strings.Repeat("x", 120))
	b := newTab(t, look{phone: true})
	b.open(s.url())
	b.untilText(".badge", "degraded")
	if over := eval[int](b, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); over > 0 {
		t.Errorf("the page is %d pixels too wide", over)
	}
	small := eval[[]string](b, `[...document.querySelectorAll("button, label, nav a")].filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.textContent)`)
	if len(small) > 0 {
		t.Errorf("too low to be hit: %q", small)
	}
	b.wantQuiet()
}

// TestDark: the reader's choice is followed.
func TestDark(t *testing.T) {
	s := newSite(t, nil)
	b := newTab(t, look{dark: true})
	b.open(s.url())
	const ground = `getComputedStyle(document.documentElement).backgroundColor`
	if got := eval[string](b, ground); got != "rgb(18, 20, 23)" {
		t.Errorf("the ground is %s in the dark", got)
	}
	b.dress(look{})
	if got := eval[string](b, ground); got != "rgb(250, 250, 248)" {
		t.Errorf("the ground is %s in the light", got)
	}
}

func fetch(t *testing.T, address string) string {
	t.Helper()
	response, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/statuspage"
)

// plainWriter is what some middleware makes of a ResponseWriter.
type plainWriter struct{ http.ResponseWriter }

func cannotStream(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(plainWriter{w}, r) })
}

// collects is a proxy that passes a response on when it has ended.
func collects(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		collected := httptest.NewRecorder()
		next.ServeHTTP(collected, r)
		for name, values := range collected.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(collected.Code)
		_, _ = collected.Body.WriteTo(w) // whoever asked is gone
	})
}

// TestWithoutStream: where it cannot come, the page looks by itself, and says why.
func TestWithoutStream(t *testing.T) {
	for why, between := range map[string]func(http.Handler) http.Handler{
		"something in the server, in front of this page, cannot stream": cannotStream,
		"something on the way to the server collects them":              collects,
	} {
		s := newSiteBehind(t, nil, between)
		orders := s.puppet("orders")
		b := newTab(t, look{})
		b.hurry("5000")
		b.open(s.url())
		b.untilText("[data-phase=current] .who", user(1))
		b.untilText("#link", "every 5 s")
		b.untilText("#notice", "Events do not come as they happen: "+why)
		b.untilText("#announcer", "Events do not come as they happen")
		orders.hand(2, 0)
		b.untilText("[data-phase=current] .who", user(2))
		b.untilText(".log", "Generation 2 adopted")
		b.wantQuiet("501")
	}
}

// TestNoRoomForAnother: one reader too many looks by itself until there is room.
func TestNoRoomForAnother(t *testing.T) {
	s := newSite(t, &statuspage.Options{MaxStreams: 1})
	orders := s.puppet("orders")
	first, err := http.Get(s.url() + "events")
	if err != nil {
		t.Fatal(err)
	}
	defer first.Body.Close()
	b := newTab(t, look{})
	b.hurry("5000")
	b.open(s.url())
	b.untilText("#notice", "no room for another reader")
	orders.hand(2, 0)
	b.untilText("[data-phase=current] .who", user(2))
	first.Body.Close()
	b.untilText("#link", "live")
	b.until("nothing is said of it any more", `document.querySelector("#notice").hidden`)
	orders.hand(3, 0)
	b.untilText("[data-phase=current] .who", user(3))
	if got := eval[int](b, `document.querySelectorAll(".log li").length`); got != 5 {
		t.Errorf("%d events are shown:\n%s", got, b.text(".log"))
	}
	b.wantQuiet("503")
}

// TestHiddenPageHoldsNoStream, and comes back with what it missed. Its title goes on telling.
func TestHiddenPageHoldsNoStream(t *testing.T) {
	var streams atomic.Int64
	s := newSiteBehind(t, nil, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/events") {
				streams.Add(1)
				defer streams.Add(-1)
			}
			next.ServeHTTP(w, r)
		})
	})
	orders := s.puppet("orders")
	b := newTab(t, look{})
	b.hurry("30000")
	b.open(s.url())
	b.untilText("#link", "live")
	show := func(hidden string) {
		eval[bool](b, `Object.defineProperty(document, "hidden", {configurable: true, value: `+hidden+`}), document.dispatchEvent(new Event("visibilitychange"))`)
	}
	show("true")
	envtest.Eventually(t, patience, func() bool { return streams.Load() == 0 }, "the stream is given back")
	orders.hand(2, 0)
	orders.set(func(s *rekey.Status) { s.State = rekey.StateDegraded })
	b.until("the title tells", `document.title === "degraded · Database credentials"`)
	show("false")
	envtest.Eventually(t, patience, func() bool { return streams.Load() == 1 }, "it has a stream again")
	orders.hand(3, 0)
	b.untilText("[data-phase=current] .who", user(3))
	if got := eval[int](b, `document.querySelectorAll(".log li").length`); got != 5 {
		t.Errorf("%d events are shown:\n%s", got, b.text(".log"))
	}
	if got := b.text("#announcer"); strings.Contains(got, "lost") {
		t.Errorf("it is announced that %s", got)
	}
	b.wantQuiet()
}

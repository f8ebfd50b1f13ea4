package e2e_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rekeyhq/rekey/statuspage"
)

// TestStreamBreaks: what happened meanwhile is there afterwards, once.
func TestStreamBreaks(t *testing.T) {
	s := newSite(t, nil)
	orders := s.open("orders", 0)
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("#link", "live")
	b.untilText("[data-phase=current] .id", "1")
	eval[bool](b, `window.stays = true`)
	for range 3 {
		s.server.CloseClientConnections()
		user := orders.rotate()
		b.untilText("[data-phase=current] .who", user)
		b.untilText("#link", "live")
		if n := eval[int](b, `[...document.querySelectorAll(".log li")].filter((e) => e.textContent.includes("`+user+`")).length`); n != 1 {
			t.Errorf("its adoption is there %d times", n)
		}
	}
	if !eval[bool](b, `window.stays === true`) {
		t.Error("the page was loaded anew")
	}
	b.wantQuiet("net::ERR_") // what the browser says of a connection that broke
	b.wantOnly(s.url())
}

// TestServerRestarts: it is away for a while, and then another process, with other events, has its address.
func TestServerRestarts(t *testing.T) {
	s := newSite(t, nil)
	s.open("orders", 0)
	b := newTab(t, look{})
	b.hurry("5000")
	b.open(s.url())
	b.untilText("[data-phase=current] .id", "1")
	address := s.server.Listener.Addr().String()
	s.page.Close()
	s.server.Close()
	b.untilText("#link", "reconnecting")
	b.untilText("#announcer", "Connection lost")
	b.untilText("#notice", "No news since ")
	b.untilText("#notice", ": the server does not answer.")

	page, err := statuspage.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Close()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(prefix, page)
	second := httptest.NewUnstartedServer(mux)
	second.Listener.Close()
	second.Listener = listener
	second.Start()
	defer second.Close()
	defer page.Close()
	next := &site{t: t, page: page, server: second}
	next.open("billing", 0)
	b.untilText("#link", "live")
	b.until("there is news", `document.querySelector("#notice").hidden`)
	b.untilText("h2", "billing")
	b.until("the pool of before is gone", `document.querySelectorAll(".pool").length === 1`)
	b.until("the log is the new process's", `[...document.querySelectorAll(".log li")].map((e) => e.querySelector(".from").textContent).join() === "billing"`)
	b.untilText("#announcer", "Connection is back")
	b.wantQuiet("net::ERR_")
}

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a browser with the page in it, which notes what the page asks for and complains of.
type tab struct {
	t   testing.TB
	ctx context.Context

	mu         sync.Mutex // guards the rest
	requests   []string
	complaints []string
}

// look says how the page is looked at. The zero value is a wide window, light.
type look struct {
	phone, dark bool
}

func (l look) String() string {
	name := "wide"
	if l.phone {
		name = "narrow"
	}
	if l.dark {
		return name + "-dark"
	}
	return name + "-light"
}

var allLooks = []look{{}, {dark: true}, {phone: true}, {phone: true, dark: true}}

// looks are those that a test has time for: all of them, or in the short form two that differ in everything.
func looks() []look {
	if testing.Short() {
		return []look{{}, {phone: true, dark: true}}
	}
	return allLooks
}

// newTab opens an empty one.
func newTab(t testing.TB, l look) *tab {
	t.Helper()
	b := &tab{t: t, ctx: startBrowser(t)}
	if err := chromedp.Listen(b.ctx, b.note); err != nil {
		t.Fatal(err)
	}
	send(b, network.Enable, network.EnableParams{})
	send(b, runtime.Enable, cdp.Empty{})
	send(b, log.Enable, cdp.Empty{})
	b.dress(l)
	return b
}

// dress changes window and colours.
func (b *tab) dress(l look) {
	b.t.Helper()
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	size := emulation.SetDeviceMetricsOverrideParams{Width: 1180, Height: 900, DeviceScaleFactor: 1}
	if l.phone {
		size = emulation.SetDeviceMetricsOverrideParams{Width: 360, Height: 740, DeviceScaleFactor: 2, Mobile: true}
	}
	send(b, emulation.SetDeviceMetricsOverride, size)
	send(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// note is called with what the browser tells of itself.
func (b *tab) note(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("%s %v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			b.complaints = append(b.complaints, fmt.Sprintf("console: %v", e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			b.complaints = append(b.complaints, fmt.Sprintf("%s: %s", e.Entry.URL, e.Entry.Text))
		}
	}
}

// do runs an action, and returns its value.
func do[T any](b *tab, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.t.Fatalf("in the browser: %v", err)
	}
	return value
}

// send sends a command of the browser's protocol.
func send[P, R any](b *tab, command cdp.Command[P, R], params P) {
	b.t.Helper()
	do(b, func(ctx context.Context, _ *chromedp.Target) (R, error) { return chromedp.Call(ctx, command, params) })
}

// hurry lets the page wait for moments where it would for the given milliseconds, and no test for as long. It goes
// before open.
func (b *tab) hurry(pauses ...string) {
	b.t.Helper()
	send(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const wait = setTimeout, pauses = [` + strings.Join(pauses, ", ") + `];
		window.setTimeout = (f, ms, ...rest) => wait(f, pauses.includes(ms) ? 100 : ms, ...rest);
	}`})
}

func (b *tab) open(address string) {
	b.t.Helper()
	do(b, chromedp.Navigate(address))
}

// eval returns what an expression, or a promise of it, gives.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	return do(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// text returns the text of the first element that a selector finds, empty if there is none.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf(`document.querySelector(%s)?.innerText ?? ""`, quote(selector)))
}

// until waits for a condition in the page.
func (b *tab) until(what, condition string) {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for !eval[bool](b, "Boolean("+condition+")") {
		if time.Now().After(deadline) {
			b.t.Fatalf("not within %v: %s; the page says:\n%s", patience, what, b.text("body"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// untilText waits for a text in the first element that a selector finds.
func (b *tab) untilText(selector, text string) {
	b.t.Helper()
	b.until(fmt.Sprintf("%q in %s", text, selector),
		fmt.Sprintf(`document.querySelector(%s)?.textContent.includes(%s)`, quote(selector), quote(text)))
}

// wantQuiet checks that the page complained of nothing, but for what is excused.
func (b *tab) wantQuiet(excused ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
next:
	for _, complaint := range b.complaints {
		for _, e := range excused {
			if strings.Contains(complaint, e) {
				continue next
			}
		}
		b.t.Errorf("the page complains: %s", complaint)
	}
}

// wantOnly checks that the page asked nobody but its own server.
func (b *tab) wantOnly(server string) {
	b.t.Helper()
	own, err := url.Parse(server)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		b.t.Error("no request was noted")
	}
	for _, address := range b.requests {
		if asked, err := url.Parse(address); err != nil || asked.Host != own.Host {
			b.t.Errorf("a request to another host: %s", address)
		}
	}
}

func quote(text string) string { return quoteAll(text) }

// quoteAll writes texts, and what is made of them, in JavaScript.
func quoteAll(value any) string {
	quoted, _ := json.Marshal(value) // texts always are JSON
	return string(quoted)
}

package statuspage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage"
)

// fakePool says what it is told to say.
type fakePool struct {
	mu     sync.Mutex
	status rekey.Status
	asked  int
}

func (p *fakePool) Status() rekey.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return p.status
}

func (p *fakePool) set(change func(*rekey.Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

func newPage(t *testing.T, opts *statuspage.Options) *statuspage.Page {
	t.Helper()
	page, err := statuspage.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(page.Close)
	return page
}

func add(t *testing.T, page *statuspage.Page, name string) *fakePool {
	t.Helper()
	pool := &fakePool{status: rekey.Status{State: rekey.StateServing, Generation: 1, Breaker: "closed"}}
	if err := page.Add(name, pool); err != nil {
		t.Fatal(err)
	}
	return pool
}

// get asks the handler, without a server.
func get(page http.Handler, method, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	return w
}

// message is one of a stream.
type message struct {
	event, id string
	data      map[string]any
}

// reader follows a stream of events, in a synctest bubble: it is the ResponseWriter, too.
type reader struct {
	t      *testing.T
	header http.Header
	status int
	end    context.CancelFunc
	over   chan struct{} // closed when the handler has returned

	out  *io.PipeWriter
	next chan message // closed at the end of the stream
	mu   sync.Mutex   // guards stalled
	wait chan struct{}
}

// follow begins to read. Headers are pairs of a name and a value.
func follow(t *testing.T, page http.Handler, target string, headers ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in, out := io.Pipe()
	r := &reader{t: t, header: http.Header{}, end: cancel, over: make(chan struct{}), out: out, next: make(chan message, 10_000)}
	request := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	go r.parse(in)
	go func() {
		defer close(r.over)
		page.ServeHTTP(r, request)
		out.Close()
	}()
	t.Cleanup(func() { cancel(); <-r.over })
	return r
}

func (r *reader) Header() http.Header         { return r.header }
func (r *reader) WriteHeader(status int)      { r.status = status }
func (r *reader) Flush()                      {}
func (r *reader) Write(p []byte) (int, error) { r.unstalled(); return r.out.Write(p) }

// stall makes writes wait until the returned function is called.
func (r *reader) stall() (goOn func()) {
	gate := make(chan struct{})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wait = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (r *reader) unstalled() {
	r.mu.Lock()
	gate := r.wait
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

func (r *reader) parse(in io.Reader) {
	defer close(r.next)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	var m message
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			m.event = value
		case "id":
			m.id = value
		case "data":
			if err := json.Unmarshal([]byte(value), &m.data); err != nil {
				r.t.Errorf("%q: %v", value, err)
			}
		case "":
			r.next <- m
			m = message{}
		}
	}
}

// got returns what has come, once nothing more comes by itself.
func (r *reader) got() []message {
	synctest.Wait()
	var all []message
	for {
		select {
		case m, more := <-r.next:
			if !more {
				return all
			}
			all = append(all, m)
		default:
			return all
		}
	}
}

// records returns those of messages that are events.
func records(messages []message) []message {
	var all []message
	for _, m := range messages {
		if m.event == "record" {
			all = append(all, m)
		}
	}
	return all
}

func (r *reader) ended() bool {
	synctest.Wait()
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

func adopted(generation uint64) rekey.Event {
	return rekey.AdoptedEvent{Generation: generation, Version: "v", Username: "app", Verify: 12 * time.Millisecond}
}

package statuspage_test

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage"
)

func TestStreamTellsAllFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, nil)
		observe := page.Observe("orders")
		observe(adopted(1)) // before the pool is there
		r := follow(t, page, "/events")
		first := r.got()
		if len(first) != 3 || first[0].event != "hello" || first[0].data["reset"] != true || first[1].event != "pools" || first[2].event != "record" {
			t.Fatalf("it begins with %v", first)
		}
		pool := add(t, page, "orders")
		if got := r.got(); len(got) != 1 || got[0].event != "pools" {
			t.Errorf("a pool was added: %v", got)
		}
		observe(adopted(2))
		if got := records(r.got()); len(got) != 1 || got[0].data["pool"] != "orders" {
			t.Errorf("an event came: %v", got)
		}
		pool.set(func(s *rekey.Status) { s.Connections = 3 })
		time.Sleep(statuspage.DefaultInterval)
		if got := r.got(); len(got) != 1 || got[0].event != "pools" {
			t.Errorf("a connection came: %v", got)
		}
	})
}

// TestSnapshotGoesOn: a stream from where state.json was taken tells what came then, and nothing twice.
func TestSnapshotGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, nil)
		observe := page.Observe("orders")
		observe(adopted(1))
		w := get(page, "GET", "/state.json")
		var snapshot struct{ Position string }
		if err := json.Unmarshal(w.Body.Bytes(), &snapshot); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-store, no-transform" {
			t.Errorf("it may be %s", got)
		}
		observe(adopted(2))
		r := follow(t, page, "/events?after="+snapshot.Position)
		if got := r.got(); got[0].data["reset"] != false || len(records(got)) != 1 || records(got)[0].data["seq"] != 2.0 {
			t.Errorf("%v", got)
		}
		if got := r.header.Get("Cache-Control"); got != "no-store, no-transform" {
			t.Errorf("the stream may be %s", got)
		}
	})
}

// TestHeartbeat: a pool that does nothing is told once, and then that the stream is alive.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{Heartbeat: 5 * time.Second})
		add(t, page, "orders")
		r := follow(t, page, "/events")
		r.got()
		time.Sleep(16 * time.Second)
		if got := r.got(); len(got) != 3 || got[0].event != "beat" {
			t.Errorf("in 16 seconds: %v", got)
		}
	})
}

func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{History: 3})
		orders, billing := page.Observe("orders"), page.Observe("billing")
		orders(adopted(1))
		billing(adopted(1))
		r := follow(t, page, "/events")
		seen := records(r.got())
		r.end()
		orders(adopted(2))
		last := seen[1].id
		for name, again := range map[string]*reader{
			"header": follow(t, page, "/events", "Last-Event-ID", last), "query": follow(t, page, "/events?after="+last),
		} {
			got := again.got()
			if got[0].data["reset"] != false || len(records(got)) != 1 || records(got)[0].data["seq"] != 3.0 {
				t.Errorf("%s: %v", name, got)
			}
		}
		for name, id := range map[string]string{"another process": "OTHER-2", "nonsense": "x", "future": last[:len(last)-1] + "99"} {
			if got := follow(t, page, "/events", "Last-Event-ID", id).got(); got[0].data["reset"] != true || len(records(got)) != 3 {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// TestHistoryIsBounded: by pool, and who comes after what is gone begins anew.
func TestHistoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{History: 3})
		page.Observe("quiet")(adopted(1))
		r := follow(t, page, "/events")
		last := records(r.got())[0].id
		r.end()
		for g := range uint64(100) {
			page.Observe("noisy")(adopted(g + 1))
		}
		got := follow(t, page, "/events", "Last-Event-ID", last).got()
		if got[0].data["reset"] != true || len(records(got)) != 4 || records(got)[0].data["pool"] != "quiet" {
			t.Errorf("%v", got)
		}
	})
}

// TestRoutineMakesWay: polls push out polls, and neither adoptions nor why there were any.
func TestRoutineMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{History: 8})
		observe := page.Observe("orders")
		r := follow(t, page, "/events")
		r.got()
		rotate := func(g uint64) {
			observe(rekey.FetchedEvent{Version: "v", Changed: true})
			observe(adopted(g))
			observe(rekey.RefreshEndedEvent{Trigger: rekey.TriggerChanged, Outcome: rekey.OutcomeAdopted, Generation: g})
		}
		poll := func() {
			observe(rekey.FetchedEvent{Version: "v"})
			observe(rekey.RefreshEndedEvent{Trigger: rekey.TriggerDue, Outcome: rekey.OutcomeUnchanged})
		}
		rotate(1)
		last := records(r.got())[2].id
		r.end()
		for range 100 {
			poll()
		}
		rotate(2)
		got := follow(t, page, "/events", "Last-Event-ID", last).got()
		if got[0].data["reset"] != false {
			t.Error("routine that is gone makes a reader begin anew")
		}
		all := records(follow(t, page, "/events").got())
		kinds := map[string]int{}
		for i, m := range all {
			kinds[m.data["name"].(string)]++
			if i > 0 && m.data["seq"].(float64) <= all[i-1].data["seq"].(float64) {
				t.Errorf("number %v comes after %v", m.data["seq"], all[i-1].data["seq"])
			}
		}
		if kinds["credential adopted"] != 2 || len(all) != 4+50 {
			t.Errorf("%d are kept: %v", len(all), kinds)
		}
	})
}

func TestRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, nil)
		observe := page.Observe("orders")
		observe(adopted(1))
		r := follow(t, page, "/events")
		r.got()
		page.Remove("orders")
		page.Remove("orders")
		if got := r.got(); len(got) != 1 || len(got[0].data["pools"].([]any)) != 0 {
			t.Errorf("%v", got)
		}
		observe(adopted(2)) // the pool does not know
		if got := r.got(); len(got) != 0 {
			t.Errorf("an event of a pool that is gone: %v", got)
		}
	})
}

// TestNameIsUsedAgain: a reader can tell the pools apart, and the first one's end is not told of the second.
func TestNameIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, nil)
		before := page.Observe("orders")
		add(t, page, "orders")
		before(adopted(1))
		r := follow(t, page, "/events")
		first := r.got()
		page.Remove("orders")
		page.Observe("orders")(adopted(7))
		add(t, page, "orders")
		before(rekey.ClosedEvent{})
		then := r.got()
		if got := records(then); len(got) != 1 || got[0].data["id"] == records(first)[0].data["id"] {
			t.Errorf("%v, after %v", got, records(first))
		}
		pool := func(m message) any { return m.data["pools"].([]any)[0].(map[string]any)["id"] }
		lists := slices.DeleteFunc(slices.Clone(then), func(m message) bool { return m.event != "pools" }) // between them and the record there is no order
		if last := lists[len(lists)-1]; pool(last) == pool(first[1]) || pool(last) != records(then)[0].data["id"] {
			t.Errorf("%v, after %v", last, first[1])
		}
	})
}

// TestSlowReader: who has fallen behind by more than there is comes again.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{History: 5})
		observe := page.Observe("orders")
		observe(adopted(1))
		r := follow(t, page, "/events")
		r.got()
		goOn := r.stall()
		for g := range uint64(50) {
			observe(adopted(g + 2)) // does not wait
			synctest.Wait()
		}
		goOn()
		if !r.ended() {
			t.Error("it is still served")
		}
	})
}

func TestCloseEndsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, &statuspage.Options{MaxStreams: 2})
		one, two := follow(t, page, "/events"), follow(t, page, "/events")
		one.got()
		three := follow(t, page, "/events")
		if !three.ended() || three.status != http.StatusServiceUnavailable {
			t.Errorf("the third of two got %d", three.status)
		}
		two.end()
		if !two.ended() || follow(t, page, "/events").ended() {
			t.Error("a place was not given back")
		}
		page.Close()
		page.Close()
		if !one.ended() {
			t.Error("a stream outlives the page")
		}
		if after := follow(t, page, "/events"); !after.ended() || after.status != http.StatusServiceUnavailable {
			t.Errorf("after Close: %d", after.status)
		}
	})
}

// TestNobodyLooks: without a reader no pool is asked.
func TestNobodyLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		page := newPage(t, nil)
		pool := add(t, page, "orders")
		time.Sleep(time.Minute)
		if pool.asked != 0 {
			t.Errorf("asked %d times", pool.asked)
		}
	})
}

// noFlush is what some middleware makes of a ResponseWriter.
type noFlush struct{ http.ResponseWriter }

func TestNoStreaming(t *testing.T) {
	page := newPage(t, nil)
	for _, method := range []string{"GET", "HEAD"} {
		w := httptest.NewRecorder()
		page.ServeHTTP(noFlush{w}, httptest.NewRequest(method, "/events", nil))
		if w.Code != http.StatusNotImplemented || !bytes.Contains(w.Body.Bytes(), []byte("stream")) {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
}

// TestServerTimeouts: a stream outlives those of the server.
func TestServerTimeouts(t *testing.T) {
	page := newPage(t, &statuspage.Options{Heartbeat: 20 * time.Millisecond, Interval: 10 * time.Millisecond})
	server := httptest.NewUnstartedServer(page)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Config.ReadTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	response, err := http.Get(server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	buffer := make([]byte, 4096)
	for begun := time.Now(); time.Since(begun) < 300*time.Millisecond; {
		if _, err := response.Body.Read(buffer); err != nil {
			t.Fatalf("after %v: %v", time.Since(begun), err)
		}
	}
	page.Close()
	http.DefaultClient.CloseIdleConnections()
}

// TestReaderThatTakesNothing is dropped when the buffers in between are full.
func TestReaderThatTakesNothing(t *testing.T) {
	page := newPage(t, &statuspage.Options{Interval: time.Millisecond, WriteTimeout: 100 * time.Millisecond})
	pool := add(t, page, "orders")
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(over)
		page.ServeHTTP(w, r)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for n := 0; ; n++ {
		pool.set(func(s *rekey.Status) { s.Version, s.Connections = strings.Repeat("v", 1<<18), n })
		select {
		case <-over:
			return
		case <-deadline:
			t.Fatal("it is still served")
		case <-time.After(time.Millisecond):
		}
	}
}

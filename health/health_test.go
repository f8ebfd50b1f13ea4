package health_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/health"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixed is a pool that is what the test says.
type fixed rekey.Status

func (f fixed) Status() rekey.Status { return rekey.Status(f) }

// in is a pool in a state, with a credential of an hour that was issued a while ago.
func in(state rekey.State, age time.Duration) fixed {
	issued := time.Now().Add(-age)
	return fixed{
		State: state, Generation: 3, Version: "lease-secret-id", Username: "v-app-abc", Breaker: rekey.BreakerClosed,
		IssuedAt: issued, FirstIssuedAt: issued, ExpiresAt: issued.Add(time.Hour), NotAfter: issued.Add(58 * time.Minute),
		RefreshDue: issued.Add(40 * time.Minute), LastError: "store is out",
	}
}

func (f fixed) with(change func(*fixed)) fixed {
	change(&f)
	return f
}

// window gives a pool another expiry window.
func (f fixed) window(d time.Duration) fixed {
	return f.with(func(f *fixed) { f.RefreshDue = f.ExpiresAt.Add(-d) })
}

// ask asks a handler.
func ask(t *testing.T, h http.Handler, method string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
	return w
}

func TestReadyAndLive(t *testing.T) {
	for name, tc := range map[string]struct {
		pool        fixed
		status      health.Level
		ready, live bool
	}{
		"serving":                 {in(rekey.StateServing, time.Minute), health.OK, true, true},
		"does not expire":         {fixed{State: rekey.StateServing, Generation: 1}, health.OK, true, true},
		"starting":                {fixed{State: rekey.StateStarting}, health.Down, false, true},
		"a refresh failed":        {in(rekey.StateDegraded, time.Minute), health.Degraded, true, true},
		"due":                     {in(rekey.StateServing, 45*time.Minute), health.OK, true, true},
		"overdue":                 {in(rekey.StateServing, 50*time.Minute), health.Degraded, true, true},
		"a short window, not due": {in(rekey.StateServing, 54*time.Minute).window(5 * time.Minute), health.OK, true, true},
		"a short window, overdue": {in(rekey.StateServing, 57*time.Minute).window(5 * time.Minute), health.Degraded, true, true},
		"source left alone":       {in(rekey.StateServing, 0).with(func(f *fixed) { f.Breaker = rekey.BreakerOpen }), health.Degraded, true, true},
		"refused, connections":    {in(rekey.StateRefused, 0).with(func(f *fixed) { f.Usable = 2 }), health.Degraded, true, true},
		"refused, of no use":      {in(rekey.StateRefused, 0).with(func(f *fixed) { f.Connections = 2 }), health.Down, false, true},
		"refused, no connections": {in(rekey.StateRefused, 0), health.Down, false, true},
		"expired":                 {in(rekey.StateExpired, time.Hour), health.Down, false, true},
		"closed":                  {in(rekey.StateClosed, 0), health.Down, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			pools := health.Pools{"orders": tc.pool, "other": in(rekey.StateServing, time.Minute)}
			w := ask(t, health.Ready(pools, nil), http.MethodGet)
			if (w.Code == http.StatusOK) != tc.ready {
				t.Errorf("readiness %d", w.Code)
			}
			if w := ask(t, health.Live(pools), http.MethodGet); (w.Code == http.StatusOK) != tc.live {
				t.Errorf("liveness %d", w.Code)
			}
			var body struct {
				Status health.Level
				Pools  map[string]health.Report
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatal(err)
			}
			if body.Status != tc.status || body.Pools["orders"].Status != tc.status || body.Pools["other"].Status != health.OK {
				t.Errorf("body %s", w.Body)
			}
		})
	}
}

func TestBody(t *testing.T) {
	pools := health.Pools{"orders": in(rekey.StateDegraded, 20*time.Minute).with(func(f *fixed) { f.Failures = 4 })}
	w := ask(t, health.Ready(pools, nil), http.MethodGet)
	var body struct{ Pools map[string]map[string]any }
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	p := body.Pools["orders"]
	for field, want := range map[string]float64{
		"credential_age_seconds": 1200, "expires_in_seconds": 2400, "serves_for_seconds": 2280, "failures": 4, "generation": 3,
	} {
		if got, _ := p[field].(float64); got < want-2 || got > want+2 {
			t.Errorf("%s is %v, want %v", field, p[field], want)
		}
	}
	if p["last_refresh_failed"] != true || p["state"] != "degraded" {
		t.Errorf("body %s", w.Body)
	}
	for _, private := range []string{"lease-secret-id", "v-app-abc", "store is out"} {
		if strings.Contains(w.Body.String(), private) {
			t.Errorf("tells %q", private)
		}
	}
	if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", h)
	}
}

func TestMethods(t *testing.T) {
	pools := health.Pools{"orders": in(rekey.StateExpired, time.Hour)}
	for name, h := range map[string]http.Handler{"ready": health.Ready(pools, nil), "status": health.Status(pools)} {
		get, head := ask(t, h, http.MethodGet), ask(t, h, http.MethodHead)
		if head.Code != get.Code || head.Body.Len() != 0 || get.Body.Len() == 0 {
			t.Errorf("%s: HEAD %d with %d bytes, GET %d with %d", name, head.Code, head.Body.Len(), get.Code, get.Body.Len())
		}
		if post := ask(t, h, http.MethodPost); post.Code != http.StatusMethodNotAllowed || post.Header().Get("Allow") == "" {
			t.Errorf("%s: POST %d", name, post.Code)
		}
	}
}

func TestExpiresWithin(t *testing.T) {
	pools := health.Pools{"orders": in(rekey.StateServing, 50*time.Minute)}
	for within, want := range map[time.Duration]health.Level{-1: health.OK, 5 * time.Minute: health.OK, 15 * time.Minute: health.Degraded} {
		w := ask(t, health.Ready(pools, &health.Options{ExpiresWithin: within}), http.MethodGet)
		if !strings.Contains(w.Body.String(), `{"status":"`+string(want)+`"`) {
			t.Errorf("%v: %s", within, w.Body)
		}
	}
}

// TestStatus: a status is JSON that can be read back.
func TestStatus(t *testing.T) {
	want := in(rekey.StateServing, time.Minute)
	w := ask(t, health.Status(health.Pools{"orders": want}), http.MethodGet)
	var got map[string]rekey.Status
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if s := got["orders"]; s.Version != want.Version || !s.ExpiresAt.Equal(want.ExpiresAt) || s.State != want.State {
		t.Errorf("status %s", w.Body)
	}
}

// TestNoPools: whoever has forgotten to name a pool is not ready, and a restart would not help.
func TestNoPools(t *testing.T) {
	w := ask(t, health.Ready(health.Pools{}, nil), http.MethodGet)
	if w.Code != http.StatusServiceUnavailable || !strings.HasPrefix(w.Body.String(), `{"status":"down"`) {
		t.Errorf("readiness %d: %s", w.Code, w.Body)
	}
	if w := ask(t, health.Live(health.Pools{}), http.MethodGet); w.Code != http.StatusOK {
		t.Errorf("liveness %d", w.Code)
	}
}

// TestClosedPool tells nothing of a credential that was given back, and an extended lease does not make one younger.
func TestClosedPool(t *testing.T) {
	if r := health.ReportOf(rekey.Status(in(rekey.StateClosed, time.Minute)), time.Now(), health.Options{}); r.Age != nil || r.ServesFor != nil {
		t.Errorf("report %+v", r)
	}
	extended := in(rekey.StateServing, time.Hour).with(func(f *fixed) {
		f.IssuedAt, f.ExpiresAt = time.Now(), time.Now().Add(time.Hour)
	})
	if r := health.ReportOf(rekey.Status(extended), time.Now(), health.Options{}); *r.Age < 3600 {
		t.Errorf("a credential of an hour is %v s old", *r.Age)
	}
}

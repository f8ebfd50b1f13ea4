package statuspage_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/statuspage"
)

func TestOptionsAreChecked(t *testing.T) {
	for field, opts := range map[string]statuspage.Options{
		"History": {History: -1}, "MaxStreams": {MaxStreams: -1}, "Interval": {Interval: -1}, "Heartbeat": {Heartbeat: -1},
		"WriteTimeout": {WriteTimeout: -1}, "Hosts": {Hosts: []string{"ops.example.com", "https://ops.example.com"}},
	} {
		if _, err := statuspage.New(&opts); err == nil || !strings.Contains(err.Error(), "Options."+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestAddIsChecked(t *testing.T) {
	page := newPage(t, nil)
	add(t, page, "orders")
	for complaint, try := range map[string]func() error{
		"empty":   func() error { return page.Add("", &fakePool{}) },
		"nil":     func() error { return page.Add("other", nil) },
		`"other"`: func() error { return page.Add("other", (*fakePool)(nil)) },
		"another": func() error { return page.Add("orders", &fakePool{}) },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%s: %v", complaint, err)
		}
	}
}

// TestAnyPrefix: the page does not know where it is mounted, and all that it asks for is below.
func TestAnyPrefix(t *testing.T) {
	page := newPage(t, nil)
	mounts := map[string]http.Handler{
		"/": page, "/debug/rekey/": page, "/a/b/c/": http.StripPrefix("/a/b/c", page), "/x/": http.StripPrefix("/x/", page),
	}
	for prefix, handler := range mounts {
		mux := http.NewServeMux()
		mux.Handle(prefix, handler)
		index := get(mux, "GET", prefix)
		if index.Code != http.StatusOK && prefix != "/x/" {
			t.Errorf("%s: %d", prefix, index.Code)
		}
		for _, name := range []string{"main.js", "style.css", "icon.svg", "state.json"} {
			if w := get(mux, "GET", prefix+name); w.Code != http.StatusOK {
				t.Errorf("%s%s: %d", prefix, name, w.Code)
			}
		}
	}
}

// TestFolderWithoutSlash: relative addresses need the slash, as the browser sees the path.
func TestFolderWithoutSlash(t *testing.T) {
	page := newPage(t, nil)
	w := get(http.StripPrefix("/debug/rekey", page), "GET", "/debug/rekey?x=1")
	if got := w.Header().Get("Location"); w.Code != http.StatusFound || got != "./rekey/?x=1" {
		t.Errorf("%d to %q", w.Code, got)
	}
}

func TestReadOnly(t *testing.T) {
	page := newPage(t, nil)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
		for _, target := range []string{"/", "/events", "/state.json", "/main.js"} {
			if w := get(page, method, target); w.Code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, target, w.Code)
			}
		}
	}
	if w := get(page, "HEAD", "/events"); w.Code != http.StatusOK || w.Body.Len() > 0 {
		t.Errorf("HEAD: %d, %q", w.Code, w.Body)
	}
}

func TestUnknownFiles(t *testing.T) {
	page := newPage(t, nil)
	for _, target := range []string{"/index.html", "/page.go", "/x.js", "/..", "/assets"} {
		if w := get(page, "GET", target); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", target, w.Code)
		}
	}
}

// TestPolicy: nothing inline, no other host, on whatever is served.
func TestPolicy(t *testing.T) {
	page := newPage(t, nil)
	for _, target := range []string{"/", "/main.js", "/state.json", "/nothing"} {
		policy := get(page, "GET", target).Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", target, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") || strings.Contains(policy, "*") {
			t.Errorf("%s: the policy is lax: %q", target, policy)
		}
	}
	html := get(page, "GET", "/").Body.String()
	if inline := regexp.MustCompile(`<style|<script>| on[a-z]+=| style=|https?:`).FindString(html); inline != "" {
		t.Errorf("inline, or elsewhere: %q", inline)
	}
}

// TestTitle: it is text, whatever is in it.
func TestTitle(t *testing.T) {
	html := get(newPage(t, &statuspage.Options{Title: `<script>alert("&")</script>`}), "GET", "/").Body.String()
	if strings.Contains(html, "<script>") || strings.Count(html, "&lt;script&gt;") != 2 {
		t.Errorf("the title is not escaped: %s", html)
	}
}

func TestAssetsAreKept(t *testing.T) {
	page := newPage(t, nil)
	first := get(page, "GET", "/main.js")
	request := httptest.NewRequest("GET", "/main.js", nil)
	request.Header.Set("If-None-Match", first.Header().Get("ETag"))
	again := httptest.NewRecorder()
	page.ServeHTTP(again, request)
	if again.Code != http.StatusNotModified || again.Body.Len() > 0 {
		t.Errorf("%d, %d bytes", again.Code, again.Body.Len())
	}
}

// countingPool has PoolStats, too.
type countingPool struct{ fakePool }

func (*countingPool) PoolStats() rekey.PoolStats {
	return rekey.PoolStats{Max: 10, Used: 3, Idle: 4, Acquires: 99}
}

// TestCounts: those of a pool that has them are shown, and those that only grow are not, which would be news for ever.
func TestCounts(t *testing.T) {
	page := newPage(t, nil)
	add(t, page, "billing")
	if err := page.Add("orders", &countingPool{}); err != nil {
		t.Fatal(err)
	}
	text := get(page, "GET", "/state.json").Body.String()
	if strings.Count(text, `"counts"`) != 1 || !strings.Contains(text, `"counts":{"max":10,"used":3,"idle":4}`) {
		t.Error(text)
	}
}

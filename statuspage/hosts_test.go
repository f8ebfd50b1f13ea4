package statuspage_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/statuspage"
)

// TestHosts: on loopback only names of this machine are served, unless the application says others. Elsewhere the
// application may say which.
func TestHosts(t *testing.T) {
	loopback, v6, lan := net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4(10, 1, 2, 3)
	for _, c := range []struct {
		name   string
		allow  []string
		on     net.IP
		served string
		not    string
	}{
		{"loopback", nil, loopback, "localhost LOCALHOST:6060 localhost. app.localhost:1 127.0.0.1:6060 127.1.2.3 [::1]:6060 [::1] [::ffff:127.0.0.1]:1",
			"attacker.example attacker.example:6060 localhost.attacker.example notlocalhost 127.0.0.1.attacker.example 10.1.2.3 [::2]"},
		{"loopback, IPv6", nil, v6, "localhost", "attacker.example"},
		{"behind a proxy", []string{"Ops.example.com"}, loopback, "ops.example.com ops.example.com:8443 localhost", "attacker.example"},
		{"any", []string{"*"}, loopback, "attacker.example", ""},
		{"another address", nil, lan, "attacker.example 10.1.2.3", ""},
		{"another address, with names", []string{"ops.example.com", "10.1.2.3:6060"}, lan, "ops.example.com:6060 10.1.2.3 localhost", "attacker.example"},
	} {
		page := newPage(t, &statuspage.Options{Hosts: c.allow})
		status := func(host, target string) int {
			r := httptest.NewRequest("GET", target, nil)
			r.Host = host
			r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: c.on, Port: 6060}))
			w := httptest.NewRecorder()
			page.ServeHTTP(w, r)
			return w.Code
		}
		for _, host := range strings.Fields(c.served) {
			if got := status(host, "/state.json"); got != http.StatusOK {
				t.Errorf("%s: %s gets %d", c.name, host, got)
			}
		}
		for _, host := range strings.Fields(c.not) {
			for _, target := range []string{"/", "/state.json", "/events", "/main.js"} {
				if got := status(host, target); got != http.StatusForbidden {
					t.Errorf("%s: %s gets %d for %s", c.name, host, got, target)
				}
			}
		}
	}
}

// TestHostsAreCopied: whoever changes his list has not changed the page's.
func TestHostsAreCopied(t *testing.T) {
	names := []string{"ops.example.com"}
	page := newPage(t, &statuspage.Options{Hosts: names})
	names[0] = "attacker.example"
	r := httptest.NewRequest("GET", "http://attacker.example/state.json", nil)
	w := httptest.NewRecorder()
	if page.ServeHTTP(w, r); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "Options.Hosts") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

package statuspage

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// anyHost in Options.Hosts allows all.
const anyHost = "*"

// allowsHost reports whether the page is served under the name that a request has for it. A server on a loopback address
// is thought to be safe from other machines; but a web page from anywhere, whose name its owner points to 127.0.0.1, is
// of the same origin to a browser, and could read all. The name gives it away.
func (p *Page) allowsHost(r *http.Request) bool {
	if len(p.opts.Hosts) == 0 && !onLoopback(r) {
		return true
	}
	host := hostOf(r.Host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || isLoopback(host) {
		return true
	}
	return slices.ContainsFunc(p.opts.Hosts, func(allowed string) bool {
		return allowed == anyHost || hostOf(allowed) == host
	})
}

// onLoopback reports whether the request came in on an address that only this machine has.
func onLoopback(r *http.Request) bool {
	addr, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return addr != nil && addr.IP.IsLoopback()
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// hostOf is a name or an address without its port, in the form in which it is compared.
func hostOf(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

package managedpool

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/pgendpoint"
	"github.com/rekeyhq/rekey/internal/trust"
	"github.com/rekeyhq/rekey/source"
)

// endpointRule is one entry of Options.AllowEndpoints.
type endpointRule struct {
	host     string // "*.example.com" matches any name below example.com
	port     uint16 // zero: any
	database string // empty: the configured one only; "*": any
}

func parseEndpoints(entries []string) ([]endpointRule, error) {
	var rules []endpointRule
	for i, entry := range entries {
		rule, err := parseEndpoint(entry)
		if err != nil {
			return nil, optionError(fmt.Sprintf("AllowEndpoints[%d]", i), "(%q) %v", entry, err)
		}
		rules = append(rules, rule)
	}
	return rules, nil
}

func parseEndpoint(entry string) (endpointRule, error) {
	address, database, hasDatabase := strings.Cut(entry, "/")
	if hasDatabase && database == "" {
		return endpointRule{}, fmt.Errorf("names no database after the slash")
	}
	bracketed := strings.HasPrefix(address, "[")
	rule := endpointRule{host: address, database: database}
	if bracketed && strings.HasSuffix(address, "]") {
		rule.host = address[1 : len(address)-1]
	}
	if host, port, err := net.SplitHostPort(address); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return endpointRule{}, fmt.Errorf("has no valid port")
		}
		rule.host, rule.port = host, uint16(n)
	}
	if !validHost(strings.TrimPrefix(rule.host, "*.")) || bracketed && !strings.Contains(rule.host, ":") {
		return endpointRule{}, fmt.Errorf("has no valid host")
	}
	return rule, nil
}

// validHost reports whether name is an address or could be a name in the DNS. Others have meanings of their own:
// "/tmp/x.example.com" is a socket, below any domain that one likes.
func validHost(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || strings.Trim(label, nameCharacters) != "" {
			return false
		}
	}
	return true
}

const nameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

func (r endpointRule) allows(e endpoint, configuredDatabase string) bool {
	if !validHost(e.host) {
		return false
	}
	if below, ok := strings.CutPrefix(r.host, "*."); ok {
		if !strings.HasSuffix(strings.ToLower(e.host), "."+strings.ToLower(below)) {
			return false
		}
	} else if !strings.EqualFold(r.host, e.host) {
		return false
	}
	if r.port != 0 && r.port != e.port {
		return false
	}
	switch r.database {
	case "":
		return e.database == configuredDatabase
	case "*":
		return true
	default:
		return e.database == r.database
	}
}

// endpoint is where a credential's connections go. The zero endpoint is the configured one.
type endpoint struct {
	host     string
	port     uint16
	database string
}

// endpointOf returns the endpoint to follow for c: the zero one if c brings none or the options allow none.
func endpointOf(c source.Credential, config *pgconn.Config, rules []endpointRule) (endpoint, error) {
	if len(rules) == 0 || c.Host == "" && c.Port == 0 && c.Database == "" {
		return endpoint{}, nil
	}
	e := endpoint{host: c.Host, port: c.Port, database: c.Database}
	if e.host == "" {
		e.host = config.Host
	}
	if e.port == 0 {
		e.port = config.Port
	}
	if e.database == "" {
		e.database = config.Database
	}
	if e == (endpoint{config.Host, config.Port, config.Database}) {
		return endpoint{}, nil
	}
	if trust.Socket(config.Host) && c.Host != "" {
		return endpoint{}, trust.NotFromSocket(e.host, e.port, e.database)
	}
	for _, r := range rules {
		if r.allows(e, config.Database) {
			return e, nil
		}
	}
	return endpoint{}, fmt.Errorf("endpoint %s:%d/%s is not in Options.AllowEndpoints", e.host, e.port, e.database)
}

// apply points config at the endpoint.
func (e endpoint) apply(config *pgconn.Config) {
	if e != (endpoint{}) {
		pgendpoint.Redirect(config, e.host, e.port, e.database)
	}
}

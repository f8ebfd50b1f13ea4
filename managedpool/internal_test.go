package managedpool

import (
	"context"
	"crypto/tls"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/trust/pgtrust"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// TestDefaults: the zero value means what the documentation says, and so does nil; what is set stays.
func TestDefaults(t *testing.T) {
	t.Parallel()
	want := Options{
		Probe: probe.Parity{}, FetchTimeout: DefaultFetchTimeout, VerifyTimeout: DefaultVerifyTimeout,
		MaxHold: DefaultMaxHold, BreakerFailures: DefaultBreakerFailures, BreakerOpen: DefaultBreakerOpen,
		Headroom: DefaultHeadroom, Mode: defaultMode,
	}
	for name, o := range map[string]*Options{"nil": nil, "zero": {}} {
		if got := o.withDefaults(); !sameOptions(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
	set := Options{
		Mode: InPlace, Probe: probe.Ping{}, ExpiryWindow: 2, Margin: 1, PollInterval: 3, Jitter: -1, FetchTimeout: 4, VerifyTimeout: 5,
		MaxHold: 6, BreakerFailures: 7, BreakerOpen: 8, Headroom: 9, DrainTimeout: 10, ReplaceSameLogin: true, Lazy: true,
	}
	if got := set.withDefaults(); !sameOptions(got, set) {
		t.Errorf("got %+v, want %+v", got, set)
	}
	if err := set.validate(); err != nil {
		t.Errorf("options that are all set: %v", err)
	}
}

// sameOptions compares all but functions.
func sameOptions(a, b Options) bool {
	return a.Mode == b.Mode && a.Probe == b.Probe && a.ExpiryWindow == b.ExpiryWindow && a.Margin == b.Margin &&
		a.PollInterval == b.PollInterval && a.Jitter == b.Jitter && a.FetchTimeout == b.FetchTimeout &&
		a.VerifyTimeout == b.VerifyTimeout && a.MaxHold == b.MaxHold && a.BreakerFailures == b.BreakerFailures &&
		a.BreakerOpen == b.BreakerOpen && a.Headroom == b.Headroom && a.DrainTimeout == b.DrainTimeout &&
		a.ReplaceSameLogin == b.ReplaceSameLogin && a.Lazy == b.Lazy && len(a.AllowEndpoints) == len(b.AllowEndpoints)
}

// TestOptionsValidate: what cannot be meant is refused, and the error begins with the field.
func TestOptionsValidate(t *testing.T) {
	t.Parallel()
	for field, bad := range map[string][]Options{
		"ExpiryWindow":    {{ExpiryWindow: -1}},
		"Margin":          {{Margin: -1}, {ExpiryWindow: time.Minute, Margin: time.Minute}, {ExpiryWindow: 1, Margin: 2}},
		"PollInterval":    {{PollInterval: -time.Second}},
		"FetchTimeout":    {{FetchTimeout: -1}},
		"VerifyTimeout":   {{VerifyTimeout: -1}},
		"MaxHold":         {{MaxHold: -1}},
		"BreakerOpen":     {{BreakerOpen: -1}},
		"DrainTimeout":    {{DrainTimeout: -1}},
		"Mode":            {{Mode: -1}, {Mode: 3}},
		"NextConfig":      {{Mode: InPlace, NextConfig: func(context.Context, source.Credential, *Config) error { return nil }}},
		"BreakerFailures": {{BreakerFailures: -1}},
		"Headroom":        {{Headroom: -2}},
		"Jitter": {{Jitter: 1.01}, {Jitter: -0.5}, {Jitter: -2}, {Jitter: math.NaN()}, {Jitter: math.Inf(1)},
			{Jitter: math.Inf(-1)}},
		"Probe":             {{Probe: probe.All(nil)}, {Probe: probe.Privileges{probe.Table("t", "FLY")}}},
		"AllowEndpoints[0]": {{AllowEndpoints: []string{""}}},
		"AllowEndpoints[1]": {{AllowEndpoints: []string{"db", "*"}}},
	} {
		for i, o := range bad {
			filled := o.withDefaults()
			err := filled.validate()
			if err == nil || !strings.HasPrefix(err.Error(), "managedpool: Options."+field) {
				t.Errorf("%s, %d: error is %v", field, i, err)
			}
		}
	}
	for i, o := range []Options{
		{Jitter: -1}, {Jitter: 1}, {Headroom: -1}, {Mode: Replace}, {Margin: time.Hour}, {ExpiryWindow: time.Hour, Margin: time.Hour - 1},
		{AllowEndpoints: []string{"db", "*.example.com:5432/*"}},
	} {
		filled := o.withDefaults()
		if err := filled.validate(); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestParseEndpoint: an entry that would never match, or match too much, is refused.
func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]endpointRule{
		"db":                       {host: "db"},
		"db.example.com:5432":      {host: "db.example.com", port: 5432},
		"db/app":                   {host: "db", database: "app"},
		"db:1/app":                 {host: "db", port: 1, database: "app"},
		"db/a/b":                   {host: "db", database: "a/b"},
		"*.example.com":            {host: "*.example.com"},
		"*.example.com:65535/*":    {host: "*.example.com", port: 65535, database: "*"},
		"10.0.0.1:5432":            {host: "10.0.0.1", port: 5432},
		"::1":                      {host: "::1"},
		"[::1]":                    {host: "::1"},
		"[2001:db8::1]:5432/app":   {host: "2001:db8::1", port: 5432, database: "app"},
		"db_1.prod-2.internal:543": {host: "db_1.prod-2.internal", port: 543},
	} {
		got, err := parseEndpoint(entry)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", entry, got, err, want)
		}
	}
	for _, entry := range []string{
		"", ":5432", "/app", "db/", "db:", "db:0", "db:65536", "db:-1", "db:x", "db:5432:app", "*", "*.", "*:5432",
		"a.*.com", "*.*.com", "**.com", "*example.com", ".example.com", "*..com", "db..com", "db.", "*.example.com.",
		"postgres://db", "host=db", "db db", " db", "db ", "[db]", "[db]:1", "user@db", "a,b", "[::1", "::g", "db\n",
	} {
		if rule, err := parseEndpoint(entry); err == nil {
			t.Errorf("%q is taken for %+v", entry, rule)
		}
	}
}

// TestAllows: a rule lets in what its author means, whatever a credential makes of it.
func TestAllows(t *testing.T) {
	t.Parallel()
	const configured = "app"
	tests := []struct {
		rule    string
		allowed []endpoint
		refused []endpoint
	}{
		{"db.example.com",
			[]endpoint{{"db.example.com", 1, configured}, {"DB.Example.COM", 65535, configured}},
			[]endpoint{{"example.com", 1, configured}, {"x.db.example.com", 1, configured}, {"db.example.com.", 1, configured},
				{"db.example.com", 1, "other"}, {"", 1, configured}, {"/db.example.com", 1, configured}}},
		{"*.example.com",
			[]endpoint{{"a.example.com", 1, configured}, {"A.B.EXAMPLE.com", 1, configured}, {"x_1-y.example.com", 1, configured}},
			[]endpoint{
				{"example.com", 1, configured}, {"evil-example.com", 1, configured}, {"evilexample.com", 1, configured},
				{"a.example.com.evil.com", 1, configured}, {"a.example.com.", 1, configured}, {".example.com", 1, configured},
				{"a..example.com", 1, configured}, {"evil.com/.example.com", 1, configured}, {"/tmp/evil.example.com", 1, configured},
				{"evil.com,a.example.com", 1, configured}, {"evil.com a.example.com", 1, configured},
				{"evil.com:1.example.com", 1, configured}, {"evil.com#.example.com", 1, configured}, {"evil.com?.example.com", 1, configured},
				{"evil.com\x00.example.com", 1, configured}, {"evil.com\n.example.com", 1, configured}, {"a@b.example.com", 1, configured},
				{"*.example.com", 1, configured}, {"%2e.example.com", 1, configured}, {"ev\u0130l.example.com", 1, configured},
			}},
		{"db:5432", []endpoint{{"db", 5432, configured}}, []endpoint{{"db", 5433, configured}, {"db", 5432, "other"}}},
		{"db/other", []endpoint{{"db", 1, "other"}}, []endpoint{{"db", 1, configured}, {"db", 1, "OTHER"}, {"db", 1, "*"}}},
		{"db/*", []endpoint{{"db", 1, "other"}, {"db", 1, configured}}, []endpoint{{"dc", 1, "other"}}},
		{"*.example.com:1/*", []endpoint{{"a.example.com", 1, "x"}}, []endpoint{{"a.example.com", 2, "x"}}},
		{"[::1]:5432", []endpoint{{"::1", 5432, configured}}, []endpoint{{"::2", 5432, configured}}},
		{"10.0.0.1", []endpoint{{"10.0.0.1", 1, configured}}, []endpoint{{"10.0.0.10", 1, configured}, {"010.0.0.1", 1, configured}}},
	}
	for _, tt := range tests {
		rule, err := parseEndpoint(tt.rule)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tt.allowed {
			if !rule.allows(e, configured) {
				t.Errorf("%s refuses %+v", tt.rule, e)
			}
		}
		for _, e := range tt.refused {
			if rule.allows(e, configured) {
				t.Errorf("%s allows %+v", tt.rule, e)
			}
		}
	}
}

// TestEndpointOf: parts that a credential leaves out are the configuration's.
func TestEndpointOf(t *testing.T) {
	t.Parallel()
	config := &pgconn.Config{Host: "db", Port: 5432, Database: "app"}
	rules, err := parseEndpoints([]string{"*.example.com", "db:6432", "db/other"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		c     source.Credential
		rules []endpointRule
		want  endpoint
		ok    bool
	}{
		{"none", source.Credential{}, rules, endpoint{}, true},
		{"not followed", source.Credential{Host: "evil.com"}, nil, endpoint{}, true},
		{"the configured one", source.Credential{Host: "db", Port: 5432, Database: "app"}, rules, endpoint{}, true},
		{"a host", source.Credential{Host: "a.example.com"}, rules, endpoint{"a.example.com", 5432, "app"}, true},
		{"a port", source.Credential{Port: 6432}, rules, endpoint{"db", 6432, "app"}, true},
		{"a database", source.Credential{Database: "other"}, rules, endpoint{"db", 5432, "other"}, true},
		{"another host", source.Credential{Host: "evil.com"}, rules, endpoint{}, false},
		{"another port", source.Credential{Port: 1}, rules, endpoint{}, false},
		{"another database", source.Credential{Host: "a.example.com", Database: "other"}, rules, endpoint{}, false},
	}
	for _, tt := range tests {
		got, err := endpointOf(tt.c, config, tt.rules)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "Options.AllowEndpoints") {
			t.Errorf("%s: the error does not name the option: %v", tt.name, err)
		}
	}
}

// TestStaleBeforePrepareConn: a connection that is of no use any more is turned away before the user's hook sees it.
func TestStaleBeforePrepareConn(t *testing.T) {
	t.Parallel()
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	config, err := ParseConfig(issuer.DSN(login))
	if err != nil {
		t.Fatal(err)
	}
	var seen atomic.Int32
	config.MaxConns = 1
	config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { seen.Add(1); return true, nil }
	c := source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}
	p, err := NewWithConfig(t.Context(), config, source.Func(func(context.Context) (source.Credential, error) { return c, nil }), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Ping(t.Context()); err != nil || seen.Load() != 1 {
		t.Fatalf("PrepareConn ran %d times, error %v", seen.Load(), err)
	}
	p.current().Dead.Store(true)
	p.sessions.look()
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := p.Ping(short); err == nil || seen.Load() != 1 {
		t.Errorf("PrepareConn ran %d times, error %v", seen.Load(), err)
	}
}

// TestEndpointOfSocket: pgx gives sockets no TLS, so a configuration of one has none for a host.
func TestEndpointOfSocket(t *testing.T) {
	t.Parallel()
	config, err := pgconn.ParseConfig("host=/run/postgresql port=5432 dbname=app sslmode=verify-full")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := parseEndpoints([]string{"*.example.com/*"})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := endpointOf(source.Credential{Host: "a.example.com"}, config, rules); err == nil {
		t.Errorf("follows %+v, with TLS configuration %v", e, config.TLSConfig)
	}
}

// TestApply: another host is asked for under its own name, and checked as the configured one was.
func TestApply(t *testing.T) {
	t.Parallel()
	tests := []struct {
		dsn  string
		want []string // for each attempt: what tlsOf says
	}{
		{"host=a sslmode=disable", []string{"no TLS"}},
		{"host=a sslmode=allow", []string{"no TLS", "c unverified"}},
		{"host=a sslmode=prefer", []string{"c unverified", "no TLS"}},
		{"host=a sslmode=require", []string{"c unverified"}},
		{"host=a sslmode=verify-ca", []string{"c chain"}},
		{"host=a sslmode=verify-full", []string{"c verified"}},
		{"host=a sslmode=verify-full sslsni=0", []string{"c verified"}},
		{"host=10.0.0.1 sslmode=verify-full", []string{"c verified"}},
		{"host=a,b port=1,2 sslmode=verify-full", []string{"c verified"}},
		{"host=a,b port=1,2 sslmode=prefer", []string{"c unverified", "no TLS"}},
		{"host=a,a port=1,2 sslmode=prefer", []string{"c unverified", "no TLS"}},
	}
	for _, tt := range tests {
		config, err := pgconn.ParseConfig(tt.dsn)
		if err != nil {
			t.Fatal(err)
		}
		shared := config.TLSConfig
		name := ""
		if shared != nil {
			name = shared.ServerName
		}
		copied := config.Copy()
		endpoint{"c", 3, "d"}.apply(copied)
		if copied.Host != "c" || copied.Port != 3 || copied.Database != "d" {
			t.Errorf("%s: points at %s:%d/%s", tt.dsn, copied.Host, copied.Port, copied.Database)
		}
		got := []string{tlsOf(copied.TLSConfig)}
		for _, f := range copied.Fallbacks {
			if f.Host != "c" || f.Port != 3 {
				t.Errorf("%s: falls back to %s:%d", tt.dsn, f.Host, f.Port)
			}
			got = append(got, tlsOf(f.TLSConfig))
		}
		if strings.Join(got, ", ") != strings.Join(tt.want, ", ") {
			t.Errorf("%s: got %v, want %v", tt.dsn, got, tt.want)
		}
		if shared != nil && shared.ServerName != name {
			t.Errorf("%s: the shared TLS configuration was changed", tt.dsn)
		}
	}
}

// tlsOf says which name is asked for, and what is checked.
func tlsOf(config *tls.Config) string {
	switch {
	case config == nil:
		return "no TLS"
	case !config.InsecureSkipVerify:
		return config.ServerName + " verified"
	case config.VerifyPeerCertificate != nil:
		return config.ServerName + " chain"
	default:
		return config.ServerName + " unverified"
	}
}

// TestWeak: a server that need not prove who it is gets no password in clear.
func TestWeak(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]bool{
		"host=a sslmode=disable":            true,
		"host=a sslmode=allow":              true,
		"host=a sslmode=prefer":             true,
		"host=a sslmode=require":            true,
		"host=a sslmode=verify-ca":          false,
		"host=a sslmode=verify-full":        false,
		"host=a,b sslmode=verify-full":      false,
		"host=/run/postgresql":              false,
		"host=/run/postgresql,a":            true,
		"host=a,/run/postgresql":            true,
		"host=/run,a sslmode=verify-full":   false,
		"host=a,/run sslmode=verify-full":   false,
		"host=/run,/run2 sslmode=prefer":    false,
		"postgres://a/db?sslmode=verify-ca": false,
	} {
		config, err := pgconn.ParseConfig(dsn)
		if err != nil {
			t.Fatal(err)
		}
		if got := pgtrust.Weak(config); got != want {
			t.Errorf("%s: weak is %v", dsn, got)
		}
	}
}

// twoLogins issues two credentials for a database, and says where that is.
func twoLogins(t *testing.T) (credentials [2]source.Credential, dsn string) {
	t.Helper()
	issuer := envtest.Issuer(t)
	for i := range credentials {
		login, err := issuer.Issue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		credentials[i] = source.Credential{
			Username: login.User, Password: source.NewSecret(login.Password), Version: login.User, IssuedAt: time.Now(),
		}
		dsn = issuer.DSN(login)
	}
	return credentials, dsn
}

// TestPublishDuringClose: a credential that is adopted while the pool closes leaves no session behind.
func TestPublishDuringClose(t *testing.T) {
	t.Parallel()
	credentials, dsn := twoLogins(t)
	src := source.Func(func(context.Context) (source.Credential, error) { return credentials[0], nil })
	p, err := New(t.Context(), dsn, src, nil)
	if err != nil {
		t.Fatal(err)
	}
	held, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := (target{p}).Verify(t.Context(), credentials[1], p.engine.View().Current); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.Close()
	}()
	envtest.Eventually(t, 5*time.Second, func() bool {
		p.handover.spare.mu.Lock()
		defer p.handover.spare.mu.Unlock()
		return p.handover.spare.closed
	}, "the hand-over has ended")
	target{p}.Publish(&refresh.Generation{ID: 2, Credential: credentials[1]})
	held.Release()
	<-closed
	if p.closing.err != nil || p.sessions.len() != 0 {
		t.Errorf("%d sessions are left, error %v", p.sessions.len(), p.closing.err)
	}
}

// TestWarnsOfConnectionsInUse: of those that are in use long after another login took the place of theirs, once.
func TestWarnsOfConnectionsInUse(t *testing.T) {
	t.Parallel()
	credentials, dsn := twoLogins(t)
	var n, warnings atomic.Int32
	src := source.Func(func(context.Context) (source.Credential, error) { return credentials[n.Load()], nil })
	p, err := New(t.Context(), dsn, src, &Options{OnEvent: func(e Event) {
		if w, ok := e.(rekey.WarningEvent); ok && w.Field == "DrainTimeout" {
			warnings.Add(1)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	held, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	n.Store(1)
	if err := p.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	old := sessionOf(held.Conn()).generation.Load()
	p.sessions.mu.Lock()
	old.Superseded = old.Superseded.Add(-2 * lineage.WarnAfter)
	p.sessions.mu.Unlock()
	p.ends.Kick()
	envtest.Eventually(t, 5*time.Second, func() bool { return warnings.Load() > 0 }, "a warning")
	p.ends.Kick()
	<-time.After(50 * time.Millisecond)
	if got := warnings.Load(); got != 1 {
		t.Errorf("%d warnings", got)
	}
}

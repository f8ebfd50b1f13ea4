package standby_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// setups are configurations that a session can be made with; the value says whether it goes over TLS.
func setups(t *testing.T, db *testenv.Database) map[string]struct {
	dsn    string
	secure bool
} {
	t.Helper()
	dead := deadPort(t)
	host, port := db.Server.Host, db.Server.Port
	socket := filepath.Dir(db.Server.DataDir)
	return map[string]struct {
		dsn    string
		secure bool
	}{
		"verify-full":             {dsn(db, userTLS), true},
		"verify-ca":               {dsn(db, userTLS, "sslmode=verify-ca"), true},
		"require":                 {dsn(db, userTLS, "sslmode=require"), true},
		"prefer":                  {dsn(db, userTLS, "sslmode=prefer"), true},
		"prefer, falling back":    {dsnPlain(db, "sslmode=prefer"), false},
		"allow":                   {dsnPlain(db, "sslmode=allow"), false},
		"allow, falling back":     {dsn(db, userTLS, "sslmode=allow"), true},
		"disable":                 {dsnPlain(db, "sslmode=disable"), false},
		"a unix socket":           {dsn(db, userTLS, "host="+socket, "sslmode=disable"), false},
		"require_auth":            {dsn(db, userTLS, "require_auth=scram-sha-256"), true},
		"channel_binding=require": {dsn(db, userTLS, "channel_binding=require"), true},
		"channel_binding=disable": {dsn(db, userTLS, "channel_binding=disable"), true},
		"sslcertmode=disable":     {dsn(db, userTLS, "sslcertmode=disable"), true},
		"read-write":              {dsn(db, userTLS, "target_session_attrs=read-write"), true},
		"any of two hosts, the first of them dead": {dsn(db, userTLS,
			fmt.Sprintf("host=%s,%s port=%d,%d target_session_attrs=primary", host, host, dead, port)), true},
		"timeouts and parameters": {dsn(db, userTLS, "connect_timeout=20 application_name=standby search_path=pg_catalog statement_timeout=30s"), true},
		"protocol versions":       {dsn(db, userTLS, "min_protocol_version=3.0 max_protocol_version=latest"), true},
	}
}

// deadPort returns a port of 127.0.0.1 where nobody listens.
func deadPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// Whatever the configuration, a session is made and adopted, the connection shows the configuration as if pgx
// had connected itself, a copy of that connects again, and a cancel request arrives, over TLS where the session
// has it.
func TestConfigurations(t *testing.T) {
	for name, setup := range setups(t, database(t)) {
		t.Run(name, func(t *testing.T) {
			config := parse(t, setup.dsn)
			r := &recorder{}
			config.DialFunc = r.dial
			plain := plainly(t, config)
			conn := connect(t, config)
			again := plainly(t, conn.Config())

			sameConfig(t, conn.Config(), plain.Config())
			sameConfig(t, again.Config(), plain.Config())
			if again.PgConn().PID() == conn.PgConn().PID() {
				t.Error("a connect made from the connection's configuration got the same session")
			}
			for _, c := range []*pgx.Conn{conn, again} {
				if got := ask[string](t, c, "select current_user"); got != config.User {
					t.Errorf("user %q", got)
				}
				checkCancel(t, c, plain, r, setup.secure)
			}
		})
	}
}

// sameConfig compares what of a configuration can be compared.
func sameConfig(t *testing.T, got, want *pgx.ConnConfig) {
	t.Helper()
	a, b := reflect.ValueOf(got.Config), reflect.ValueOf(want.Config)
	for i := range a.NumField() {
		field := a.Type().Field(i)
		if !field.IsExported() || field.Name == "TLSConfig" || field.Name == "Fallbacks" {
			continue
		}
		x, y := a.Field(i), b.Field(i)
		if field.Type.Kind() == reflect.Func {
			if x.IsNil() != y.IsNil() {
				t.Errorf("%s is nil: %v, want %v", field.Name, x.IsNil(), y.IsNil())
			}
		} else if !reflect.DeepEqual(x.Interface(), y.Interface()) {
			t.Errorf("%s is not what pgx shows", field.Name)
		}
	}
	sameTLS(t, got.TLSConfig, want.TLSConfig)
	if len(got.Fallbacks) != len(want.Fallbacks) {
		t.Fatalf("%d fallbacks, want %d", len(got.Fallbacks), len(want.Fallbacks))
	}
	for i, f := range got.Fallbacks {
		if w := want.Fallbacks[i]; f.Host != w.Host || f.Port != w.Port {
			t.Errorf("fallback %d is %s:%d, want %s:%d", i, f.Host, f.Port, w.Host, w.Port)
		}
		sameTLS(t, f.TLSConfig, want.Fallbacks[i].TLSConfig)
	}
	if got.ConnString() != want.ConnString() {
		t.Error("the connection string is another")
	}
}

func sameTLS(t *testing.T, got, want *tls.Config) {
	t.Helper()
	if (got == nil) != (want == nil) {
		t.Errorf("TLS configuration: %v, want %v", got != nil, want != nil)
	}
	if got == nil || want == nil {
		return
	}
	if got.ServerName != want.ServerName || got.InsecureSkipVerify != want.InsecureSkipVerify ||
		!got.RootCAs.Equal(want.RootCAs) || (got.VerifyPeerCertificate == nil) != (want.VerifyPeerCertificate == nil) {
		t.Error("the TLS configuration is another")
	}
}

// What a server must be like is looked at when the session is made.
func TestDialIsStrict(t *testing.T) {
	db := database(t)
	for name, dsn := range map[string]string{
		"another password":      dsn(db, userTLS, "password=wrong"),
		"require_auth":          dsn(db, userTLS, "require_auth=none"),
		"sslcertmode=require":   dsn(db, userTLS, "sslcertmode=require"),
		"read-only":             dsn(db, userTLS, "target_session_attrs=read-only"),
		"channel binding":       dsnPlain(db, "sslmode=disable channel_binding=require"),
		"another certificate":   dsn(db, userTLS, "sslrootcert=system sslmode=verify-full"),
		"TLS that is not there": dsnPlain(db, "sslmode=require"),
	} {
		t.Run(name, func(t *testing.T) {
			session, err := standby.Dial(within(t), &parse(t, dsn).Config)
			if err == nil {
				session.Close()
				t.Fatal("no error")
			}
		})
	}
}

// A connect may bring its own TLS to a session without, and the other way round, or demands that a server could
// not meet: what counts is the session's.
func TestSessionsOfOtherTransports(t *testing.T) {
	db := database(t)
	secure, plain := parse(t, dsn(db, userTLS)), parse(t, dsnPlain(db, "sslmode=disable"))
	strict := parse(t, dsn(db, userTLS, "sslcertmode=require channel_binding=require target_session_attrs=read-only"))
	for _, pair := range []struct{ login, connect *pgx.ConnConfig }{{secure, plain}, {plain, secure}, {secure, strict}} {
		session := dial(t, pair.login)
		conn, _ := adopt(t, pair.connect, session)
		if got := ask[string](t, conn, "select current_user"); got != pair.login.User {
			t.Errorf("user %q, want %q", got, pair.login.User)
		}
		if shown := conn.Config(); shown.User != pair.login.User || (shown.TLSConfig == nil) != (pair.login.TLSConfig == nil) {
			t.Errorf("user %q, TLS %v", shown.User, shown.TLSConfig != nil)
		}
	}
}

// What Route is given is what it changes; the caller's configuration of the login stays.
func TestRouteLeavesTheLoginAlone(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	before := *config.Copy()
	session := dial(t, config)
	adopt(t, config, session)
	sameConfig(t, config, &before)
	routed := config.Config.Copy()
	standby.Route(routed, func(context.Context) (*standby.Session, error) { return nil, nil }, func(*pgconn.PgConn, *standby.Session) {})
	if routed.Password != "" || routed.TLSConfig != nil {
		t.Error("a routed configuration holds what only a login needs")
	}
}

package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	gomysql "github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/lib/pq"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/mysql"
)

// byDSN are drivers that are known by their connection strings: lib/pq's is no driver.DriverContext, MySQL's is one.
func byDSN() []kind {
	plain, withContext := kinds[1], kinds[2]
	plain.name, withContext.name = "without DriverContext", "with DriverContext"
	plain.begin = func(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
		issuer, proxy, dsn := beginPostgres(t)
		return issuer, proxy, sqladapter.DSN(&pq.Driver{}, func(c source.Credential) (string, error) {
			return fmt.Sprintf("%s user='%s' password='%s'", dsn, c.Username, c.Password.Reveal()), nil
		})
	}
	withContext.begin = func(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
		issuer, proxy := envtest.MariaIssuer(t), envtest.MariaProxy(t)
		d := sqladapter.DSN(&gomysql.MySQLDriver{}, func(c source.Credential) (string, error) {
			return issuer.Database().DSNAt(proxy.Port(), c.Username, c.Password.Reveal()), nil
		})
		d.Classify, d.Probe = mysql.Classify, mysql.Grants{}
		return issuer, proxy, d
	}
	return []kind{plain, withContext}
}

// TestDSN: a driver that is only known by its connection strings follows its credentials under load.
func TestDSN(t *testing.T) {
	for _, k := range byDSN() {
		t.Run(k.name, func(t *testing.T) {
			r := newRig(t, k, nil)
			work := startLoad(t, r, 16)
			for range 2 {
				old := r.rotate(t)
				r.adoptedLast(t, patience)
				envtest.Eventually(t, patience, func() bool { return r.sessions(t, old) == 0 }, "the old sessions are gone")
				r.revoke(t, old)
			}
			t.Logf("%d operations, %d failed", work.end(), work.failed.Load())
		})
	}
}

// TestNothingForDSN: without a driver or a function there is nothing to connect with.
func TestNothingForDSN(t *testing.T) {
	write := func(source.Credential) (string, error) { return "", nil }
	for _, d := range []sqladapter.Driver{sqladapter.DSN(nil, write), sqladapter.DSN(&pq.Driver{}, nil)} {
		_, err := sqladapter.Open(t.Context(), sqladapter.Config{Source: noSource, Driver: d})
		if err == nil || !strings.Contains(err.Error(), "Driver.Connector") {
			t.Errorf("%v", err)
		}
	}
}

// TestUncounted: of connections whose sockets cannot be seen, none is said to have been closed under its user.
func TestUncounted(t *testing.T) {
	for _, k := range byDSN() {
		t.Run(k.name, func(t *testing.T) {
			r := newRig(t, k, func(c *sqladapter.Config) { c.DrainTimeout = 50 * time.Millisecond })
			conn, err := r.db.Conn(t.Context())
			must(t, err)
			defer conn.Close()
			old := r.rotate(t)
			envtest.Eventually(t, patience, func() bool {
				s := r.db.Status()
				return s.Username == r.login.User && len(s.Draining) == 1 && s.Draining[0].Connections == 1
			}, "only what is in use is left")
			<-time.After(200 * time.Millisecond) // four times DrainTimeout
			must(t, conn.PingContext(t.Context()))
			must(t, conn.Close())
			r.adoptedLast(t, patience)
			envtest.Eventually(t, patience, func() bool { return r.sessions(t, old) == 0 }, "the old session is gone")
			drained := loadtest.Find[rekey.DrainedEvent](r.diary)
			if len(drained) != 1 || drained[0].Cancelled != 0 {
				t.Errorf("drained: %+v", drained)
			}

			leaked, err := r.db.Conn(t.Context())
			must(t, err)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := r.db.Shutdown(ctx); err == nil {
				t.Error("Shutdown does not tell of what is left")
			}
			must(t, leaked.Close())
			envtest.Eventually(t, patience, func() bool { return len(loadtest.Find[rekey.ClosedEvent](r.diary)) == 1 }, "it is closed")
			if closed := loadtest.Find[rekey.ClosedEvent](r.diary); closed[0].Abandoned != 0 {
				t.Errorf("%+v", closed)
			}
		})
	}
}

// leaky is a driver whose errors repeat the connection string.
type leaky struct{}

func (leaky) Open(name string) (driver.Conn, error) { return nil, fmt.Errorf("cannot open %q", name) }

// leakyContext does so before it connects.
type leakyContext struct{ leaky }

func (leakyContext) OpenConnector(name string) (driver.Connector, error) {
	return nil, fmt.Errorf("cannot parse %s", name)
}

// nobody is the address of a server that does not answer.
func nobody(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// TestErrorsOfConnectors: the errors of a function that makes connectors, of drivers and of their logins reach nobody with a
// password in them, and stay what they were.
func TestErrorsOfConnectors(t *testing.T) {
	errOwn := errors.New("own")
	port := nobody(t)
	asURL := func(c source.Credential) (string, error) {
		return "postgres://u:" + c.Password.Reveal() + "@127.0.0.1/x", nil
	}
	for name, tt := range map[string]struct {
		driver sqladapter.Driver
		is     error
	}{
		"function": {sqladapter.Driver{Connector: func(c source.Credential) (driver.Connector, error) {
			return nil, fmt.Errorf("%w: no such thing: %+v", errOwn, c.Password.Reveal())
		}}, errOwn},
		"for good": {sqladapter.DSN(leaky{}, func(c source.Credential) (string, error) {
			return "", source.Permanent(fmt.Errorf("%w: %q", errOwn, c.Password.Reveal()))
		}), errOwn},
		"login":     {sqladapter.DSN(leaky{}, asURL), nil},
		"escaped":   {sqladapter.DSN(leaky{}, func(c source.Credential) (string, error) { return url.QueryEscape(c.Password.Reveal()), nil }), nil},
		"connector": {sqladapter.DSN(leakyContext{}, asURL), nil},
		"part":      {sqladapter.DSN(leakyContext{}, func(source.Credential) (string, error) { return "port " + plantedTail[2:], nil }), nil},
		"lib/pq":    {sqladapter.DSN(&pq.Driver{}, asURL), nil},
		"mysql's":   {sqladapter.DSN(&gomysql.MySQLDriver{}, func(c source.Credential) (string, error) { return c.Password.Reveal(), nil }), nil},
		"pgx":       {sqladapter.DSN(stdlib.GetDefaultDriver(), asURL), nil},
		"pgx, not reached": {sqladapter.DSN(stdlib.GetDefaultDriver(), func(c source.Credential) (string, error) {
			return (&url.URL{Scheme: "postgres", User: url.UserPassword("u", c.Password.Reveal()), Host: "127.0.0.1:" + port}).String(), nil
		}), nil},
	} {
		t.Run(name, func(t *testing.T) {
			envtest.NoLeak(t)
			diary := &loadtest.Diary{}
			src := source.Func(func(context.Context) (source.Credential, error) {
				return source.Credential{Username: "u", Password: source.NewSecret(planted)}, nil
			})
			_, err := sqladapter.Open(t.Context(), sqladapter.Config{
				Source: src, Driver: tt.driver, MaxHold: 50 * time.Millisecond, OnEvent: diary.Write,
			})
			if err == nil {
				t.Fatal("it is open")
			}
			shown := fmt.Sprintf("%v %+v %#v %q %v", err, err, err, err, diary)
			for e := err; e != nil; e = errors.Unwrap(e) {
				shown += fmt.Sprintf("\n%T %v %+v %#v", e, e, e, e)
			}
			if strings.Contains(shown, plantedHead) || strings.Contains(shown, plantedTail[2:]) {
				t.Errorf("a password is shown in %s", shown)
			}
			var connectErr *pgconn.ConnectError
			var parseErr *url.Error
			if errors.As(err, &connectErr) || errors.As(err, &parseErr) {
				t.Error("an error that holds the password can be had")
			}
			if tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("it is not what it was: %v", err)
			}
			if source.IsPermanent(err) && name != "for good" {
				t.Error("it is permanent")
			}
		})
	}
}

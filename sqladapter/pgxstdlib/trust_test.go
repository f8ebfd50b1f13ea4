package pgxstdlib_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/internal/testenv/thief"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

// TestWeakServer: where anybody could be the server, one is warned, and connections require SCRAM; where the caller has said
// what he requires, that stays.
func TestWeakServer(t *testing.T) {
	issuer, server := envtest.Issuer(t), envtest.Postgres(t)
	login := credential(issue(t, issuer))
	for name, tt := range map[string]struct {
		tls, require string
		warned       bool
	}{
		"verify-full":  {"sslmode=verify-full sslrootcert=" + server.CAFile, "", false},
		"require":      {"sslmode=require", "scram-sha-256", true},
		"prefer":       {"sslmode=prefer", "scram-sha-256", true},
		"their choice": {"sslmode=require require_auth=scram-sha-256,md5", "scram-sha-256,md5", false},
	} {
		t.Run(name, func(t *testing.T) {
			config, err := pgx.ParseConfig(fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s %s", server.Port, issuer.Database().Name, tt.tls))
			if err != nil {
				t.Fatal(err)
			}
			diary := &loadtest.Diary{}
			db, err := sqladapter.Open(t.Context(), sqladapter.Config{
				Source: source.Func(func(context.Context) (source.Credential, error) { return login, nil }),
				Driver: pgxstdlib.New(config, nil), OnEvent: diary.Write,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if warnings := loadtest.Find[rekey.WarningEvent](diary); (len(warnings) == 1) != tt.warned {
				t.Errorf("warnings: %v", warnings)
			}
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.Raw(func(c any) error {
				if got := c.(*stdlib.Conn).Conn().Config().RequireAuth; got != tt.require {
					t.Errorf("require_auth is %q, want %q", got, tt.require)
				}
				return nil
			})
		})
	}
}

// TestNoPasswordInClear: a server without TLS that asks for the password itself does not get it.
func TestNoPasswordInClear(t *testing.T) {
	server := thief.New(t)
	config, err := pgx.ParseConfig("sslmode=disable host=127.0.0.1 port=" + server.Port())
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqladapter.Open(t.Context(), sqladapter.Config{
		Source: source.Func(func(context.Context) (source.Credential, error) {
			return source.Credential{Username: "u", Password: source.NewSecret("sesame-open")}, nil
		}),
		Driver: pgxstdlib.New(config, nil), Lazy: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	envtest.Eventually(t, 20*time.Second, func() bool {
		said := db.Status().LastError
		return strings.Contains(said, rekey.VerifyForbidden.String()) && strings.Contains(said, "verify-full")
	}, "it is refused, and one is told what helps")
	if asked, got := server.Results(); asked == 0 || got != 0 {
		t.Errorf("asked %d times, got %d answers", asked, got)
	}
}

// TestNotFromSocket: an endpoint on the network is not followed from a socket of this machine.
func TestNotFromSocket(t *testing.T) {
	config, err := pgx.ParseConfig("host=/run/postgresql")
	if err != nil {
		t.Fatal(err)
	}
	_, err = pgxstdlib.New(config, nil).Connector(source.Credential{Username: "u", Host: "elsewhere"})
	if !source.IsPermanent(err) {
		t.Errorf("%v", err)
	}
}

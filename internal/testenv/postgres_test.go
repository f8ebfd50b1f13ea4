package testenv_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// connect logs in and closes the connection when the test ends.
func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// sqlState is the SQLSTATE of err, or "".
func sqlState(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

func TestPostgresVerifiesTLS(t *testing.T) {
	server := envtest.Postgres(t)
	conn := connect(t, server.AdminDSN("postgres"))
	var encrypted bool
	err := conn.QueryRow(t.Context(), "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted)
	if err != nil || !encrypted {
		t.Fatalf("encrypted = %v, err = %v", encrypted, err)
	}
	byName := strings.Replace(server.AdminDSN("postgres"), "host='127.0.0.1'", "host='localhost'", 1)
	connect(t, byName)
}

func TestPostgresIsNotTrustedWithoutItsAuthority(t *testing.T) {
	server := envtest.Postgres(t)
	dsn := strings.Replace(server.AdminDSN("postgres"), " sslrootcert=", " sslrootcert='' application_name=", 1)
	if _, err := pgx.Connect(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("err = %v, want one about the certificate", err)
	}
}

func TestPostgresRefusesPlainConnections(t *testing.T) {
	server := envtest.Postgres(t)
	dsn := strings.Replace(server.AdminDSN("postgres"), "verify-full", "disable", 1)
	_, err := pgx.Connect(t.Context(), dsn)
	if sqlState(err) != "28000" {
		t.Fatalf("err = %v, want SQLSTATE 28000", err)
	}
}

func TestPostgresRefusesWrongPassword(t *testing.T) {
	server := envtest.Postgres(t)
	_, err := pgx.Connect(t.Context(), server.DSN(testenv.AdminUser, `wrong ' \ one`, "postgres"))
	if sqlState(err) != "28P01" {
		t.Fatalf("err = %v, want SQLSTATE 28P01", err)
	}
}

func TestPostgresRunsUnprivileged(t *testing.T) {
	server := envtest.Postgres(t)
	info, err := os.Stat(server.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if owner == 0 {
		t.Fatal("the data folder belongs to root")
	}
	if euid := os.Geteuid(); euid != 0 && int(owner) != euid {
		t.Fatalf("the data folder belongs to %d, we are %d", owner, euid)
	}
}

func TestPostgresLogsStatements(t *testing.T) {
	server := envtest.Postgres(t)
	offset, err := server.LogOffset()
	if err != nil {
		t.Fatal(err)
	}
	conn := connect(t, server.AdminDSN("postgres"))
	if _, err := conn.Exec(t.Context(), "SELECT 'planted'"); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		said, err := server.LogSince(offset)
		return err == nil && strings.Contains(said, "SELECT 'planted'") && strings.Contains(said, "connection authorized")
	}, "the statement and the login in the log")
}

func TestPostgresQuotesConnectionStrings(t *testing.T) {
	server := envtest.Postgres(t)
	config, err := pgx.ParseConfig(server.DSN(`o'b \x`, `p' w\`, "d b"))
	if err != nil {
		t.Fatal(err)
	}
	if config.User != `o'b \x` || config.Password != `p' w\` || config.Database != "d b" {
		t.Fatalf("user %q, password %q, database %q", config.User, config.Password, config.Database)
	}
}

func TestPostgresRestarts(t *testing.T) {
	server := start(t)
	port, conn := server.Port, connect(t, server.AdminDSN("postgres"))
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("a session outlived the restart")
	}
	if server.Port != port {
		t.Errorf("port %d became %d", port, server.Port)
	}
	connect(t, server.AdminDSN("postgres"))
}

func TestPostgresReloads(t *testing.T) {
	server := start(t)
	hba := server.DataDir + "/pg_hba.conf"
	old, err := os.ReadFile(hba)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hba, []byte("hostssl all all all reject\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := server.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), server.AdminDSN("postgres")); sqlState(err) != "28000" {
		t.Fatalf("err = %v, want SQLSTATE 28000", err)
	}
	if err := os.WriteFile(hba, old, 0); err != nil {
		t.Fatal(err)
	}
	if err := server.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect(t, server.AdminDSN("postgres"))
}

func TestPostgresStopLeavesNothing(t *testing.T) {
	server := start(t)
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(server.DataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data folder is still there: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), server.AdminDSN("postgres")); err == nil {
		t.Error("the server still answers")
	}
	if err := server.Restart(t.Context()); err == nil {
		t.Error("a stopped server was restarted")
	}
}

func TestStartPostgresHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server, err := testenv.StartPostgres(ctx)
	if err == nil {
		server.Stop()
		t.Fatal("started under a cancelled context")
	}
}

// start starts a cluster of the test's own.
func start(t *testing.T) *testenv.Postgres {
	t.Helper()
	server, err := testenv.StartPostgres(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Stop() })
	return server
}

package testenv_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// mariaConnect logs in and closes the connection when the test ends.
func mariaConnect(t *testing.T, config *mysql.Config) *sql.Conn {
	t.Helper()
	conn, err := mariaTry(t, config)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// mariaTry is mariaConnect for logins that may be refused.
func mariaTry(t *testing.T, config *mysql.Config) (*sql.Conn, error) {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(connector)
	t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(t.Context())
	if err == nil {
		t.Cleanup(func() { conn.Close() }) // before the pool, which waits for nobody
	}
	return conn, err
}

// mariaConfig parses a connection string.
func mariaConfig(t *testing.T, dsn string) *mysql.Config {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = &mysql.NopLogger{}
	return config
}

// mariaCode is the server's number of err, or 0.
func mariaCode(err error) uint16 {
	var mariaErr *mysql.MySQLError
	if errors.As(err, &mariaErr) {
		return mariaErr.Number
	}
	return 0
}

func mariaAdmin(t *testing.T, server *testenv.MariaDB) *mysql.Config {
	t.Helper()
	return mariaConfig(t, server.AdminDSN(""))
}

func TestMariaDBVerifiesTLS(t *testing.T) {
	server := envtest.MariaDB(t)
	config := mariaAdmin(t, server)
	var name, version string
	err := mariaConnect(t, config).QueryRowContext(t.Context(), "SHOW STATUS LIKE 'Ssl_version'").Scan(&name, &version)
	if err != nil || !strings.HasPrefix(version, "TLS") {
		t.Fatalf("version %q, err = %v", version, err)
	}
	config.TLS = &tls.Config{RootCAs: config.TLS.RootCAs, ServerName: "localhost"}
	mariaConnect(t, config)
}

func TestMariaDBIsNotTrustedWithoutItsAuthority(t *testing.T) {
	config := mariaAdmin(t, envtest.MariaDB(t))
	config.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "127.0.0.1"}
	if _, err := mariaTry(t, config); !errors.As(err, new(x509.UnknownAuthorityError)) {
		t.Fatalf("err = %v, want one about the authority", err)
	}
}

func TestMariaDBRefusesPlainConnections(t *testing.T) {
	config := mariaAdmin(t, envtest.MariaDB(t))
	config.TLS, config.TLSConfig = nil, ""
	if _, err := mariaTry(t, config); mariaCode(err) != 1045 {
		t.Fatalf("err = %v, want error 1045", err)
	}
}

func TestMariaDBRefusesWrongPassword(t *testing.T) {
	server := envtest.MariaDB(t)
	_, err := mariaTry(t, server.Config(testenv.AdminUser, `wrong ' \ one`, ""))
	if mariaCode(err) != 1045 {
		t.Fatalf("err = %v, want error 1045", err)
	}
}

func TestMariaDBHasOneAccount(t *testing.T) {
	conn := mariaConnect(t, mariaAdmin(t, envtest.OwnMariaDB(t)))
	var accounts string
	err := conn.QueryRowContext(t.Context(),
		"SELECT group_concat(User, '@', Host ORDER BY User) FROM mysql.global_priv").Scan(&accounts)
	// mariadb.sys owns a view of the system's; it is locked.
	if err != nil || accounts != "admin@%,mariadb.sys@localhost" {
		t.Fatalf("accounts %q, err = %v", accounts, err)
	}
}

func TestMariaDBListensNowhereElse(t *testing.T) {
	conn := mariaConnect(t, mariaAdmin(t, envtest.MariaDB(t)))
	var address, socket string
	err := conn.QueryRowContext(t.Context(), "SELECT @@bind_address, @@socket").Scan(&address, &socket)
	if err != nil || address != "127.0.0.1" || socket != "" {
		t.Fatalf("address %q, socket %q, err = %v", address, socket, err)
	}
}

func TestMariaDBRunsUnprivileged(t *testing.T) {
	info, err := os.Stat(envtest.MariaDB(t).DataDir)
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

func TestMariaDBLogsStatements(t *testing.T) {
	server := envtest.MariaDB(t)
	offset, err := server.LogOffset()
	if err != nil {
		t.Fatal(err)
	}
	conn := mariaConnect(t, mariaAdmin(t, server))
	if _, err := conn.ExecContext(t.Context(), "SELECT 'planted'"); err != nil {
		t.Fatal(err)
	}
	if _, err := mariaTry(t, server.Config("stranger", "secret", "")); err == nil {
		t.Fatal("a stranger was let in")
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		said, err := server.LogSince(offset)
		return err == nil && strings.Contains(said, "SELECT 'planted'") &&
			strings.Contains(said, "Access denied for user 'stranger'")
	}, "the statement and the refused login in the log")
}

func TestMariaDBQuotesConnectionStrings(t *testing.T) {
	config := mariaConfig(t, envtest.MariaDB(t).DSN(`o'b \x`, `p' w\:@/?&`, "d /b"))
	if config.User != `o'b \x` || config.Passwd != `p' w\:@/?&` || config.DBName != "d /b" {
		t.Fatalf("user %q, password %q, database %q", config.User, config.Passwd, config.DBName)
	}
}

func TestMariaDBRestarts(t *testing.T) {
	server := envtest.OwnMariaDB(t)
	issuer := envtest.MariaIssuerFor(t, envtest.MariaDatabaseOn(t, server), nil)
	port, conn := server.Port, mariaConnect(t, mariaAdmin(t, server))
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("a session outlived the restart")
	}
	if server.Port != port {
		t.Errorf("port %d became %d", port, server.Port)
	}
	login, err := issuer.Issue(t.Context()) // its own connection was lost
	if err != nil {
		t.Fatal(err)
	}
	mariaConnect(t, issuer.Config(login))
}

func TestMariaDBStopLeavesNothing(t *testing.T) {
	server := envtest.OwnMariaDB(t)
	config := mariaAdmin(t, server)
	for range 2 {
		if err := server.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Dir(server.DataDir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := mariaTry(t, config); err == nil {
		t.Error("the server still answers")
	}
	if err := server.Restart(t.Context()); err == nil {
		t.Error("a stopped server was restarted")
	}
}

func TestStartMariaDBHonoursContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	server, err := testenv.StartMariaDB(ctx)
	if err == nil {
		server.Stop()
		t.Fatal("started under a cancelled context")
	}
}

func TestMariaDBBehindProxy(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proxy := envtest.MariaProxy(t)
	conn := mariaConnect(t, mariaConfig(t, issuer.Database().DSNAt(proxy.Port(), login.User, login.Password)))
	if err := conn.PingContext(t.Context()); err != nil || proxy.Open() != 1 {
		t.Fatalf("ping: %v, with %d connections open", err, proxy.Open())
	}
	proxy.CloseAll()
	if err := conn.PingContext(t.Context()); err == nil {
		t.Error("the connection works on, although it was cut")
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		n, err := issuer.AllSessions(t.Context())
		return err == nil && n == 0 && proxy.Open() == 0
	}, "the session ends")
}

func TestMariaDBInLooksForServerAndTables(t *testing.T) {
	root := t.TempDir()
	plant := func(path string, mode os.FileMode) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	plant("a/bin/mariadbd", 0o755) // without tables
	plant("b/bin/mariadbd", 0o644) // not executable
	for _, version := range []string{"b", "c"} {
		plant(version+"/share/mariadb/mariadb_system_tables.sql", 0o644)
		plant(version+"/share/mariadb/mariadb_system_tables_data.sql", 0o644)
	}
	_, err := testenv.MariaDBIn([]string{root + "/*/bin"})
	if !errors.Is(err, testenv.ErrNoMariaDB) || !strings.Contains(err.Error(), "scripts/setup.sh") {
		t.Fatalf("err = %v", err)
	}
	plant("c/bin/mariadbd", 0o755)
	path, err := testenv.MariaDBIn([]string{root + "/*/bin"})
	if err != nil || path != filepath.Join(root, "c/bin/mariadbd") {
		t.Fatalf("path %q, err %v", path, err)
	}
}

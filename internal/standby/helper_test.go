package standby_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// patience bounds what a slow machine may take for one step.
const patience = 30 * time.Second

// within returns the context of a test, bounded.
func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// parse reads a connection string.
func parse(t testing.TB, dsn string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// adoption is one session on its way into a connection.
type adoption struct {
	session *standby.Session
	calls   int // of next
	adopted int // calls of the callback
	handle  *pgconn.PgConn
}

// dial logs a session in.
func dial(t testing.TB, config *pgx.ConnConfig) *standby.Session {
	t.Helper()
	session, err := standby.Dial(within(t), &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// adopt makes a connection of a session that was dialled with config.
func adopt(t testing.TB, config *pgx.ConnConfig, session *standby.Session) (*pgx.Conn, *adoption) {
	t.Helper()
	a := &adoption{session: session}
	routed := config.Copy()
	standby.Route(&routed.Config, func(context.Context) (*standby.Session, error) {
		a.calls++
		return session, nil
	}, func(conn *pgconn.PgConn, s *standby.Session) {
		if s != session {
			t.Error("another session was adopted")
		}
		a.adopted++
		a.handle = conn
	})
	conn, err := pgx.ConnectConfig(within(t), routed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(t, conn) })
	if a.calls != 1 || a.adopted != 1 || a.handle != conn.PgConn() {
		t.Fatalf("next was called %d times, adopted %d times, with the connection's handle: %v",
			a.calls, a.adopted, a.handle == conn.PgConn())
	}
	return conn, a
}

// connect makes a connection by way of a standby session.
func connect(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, _ := adopt(t, config, dial(t, config))
	return conn
}

// plainly makes a connection as pgx does.
func plainly(t testing.TB, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(within(t), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(t, conn) })
	return conn
}

func closeConn(t testing.TB, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := conn.Close(ctx); err != nil {
		t.Errorf("closing a connection: %v", err)
	}
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// exec runs a statement that must succeed.
func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := conn.Exec(within(t), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// ask returns the one value that a query gives.
func ask[T any](t testing.TB, conn *pgx.Conn, sql string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(within(t), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// The logins of these tests; see accounts.
const (
	userTLS   = "standby_tls"   // must come with TLS, as everybody
	userPlain = "standby_plain" // must come without
	password  = "correct horse battery staple"
)

// shared is the database of these tests, made at its first use; it ends with the cluster.
var shared struct {
	once sync.Once
	db   *testenv.Database
	err  error
}

// database returns a database whose logins are userTLS and userPlain.
func database(t testing.TB) *testenv.Database {
	t.Helper()
	server := envtest.Postgres(t)
	shared.once.Do(func() {
		if shared.db, shared.err = server.CreateDatabase(within(t)); shared.err == nil {
			shared.err = makeAccounts(shared.db)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.db
}

// makeAccounts makes the logins, and lets one of them in without TLS, by TCP and by socket.
func makeAccounts(db *testenv.Database) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, db.AdminDSN())
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	for _, user := range []string{userTLS, userPlain} {
		sql := fmt.Sprintf("create role %[1]s login password '%[2]s'; grant all on database %[3]s to %[1]s", user, password, db.Name)
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	file := filepath.Join(db.Server.DataDir, "pg_hba.conf")
	rules, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	first := fmt.Sprintf("hostssl all %[1]s all reject\nhostnossl all %[1]s 127.0.0.1/32 scram-sha-256\n", userPlain)
	if err := os.WriteFile(file, append([]byte(first), rules...), 0o600); err != nil {
		return err
	}
	return db.Server.Reload(ctx)
}

// dsn is a connection string for one of the logins; settings are added, and win.
func dsn(db *testenv.Database, user string, settings ...string) string {
	return db.DSN(user, password) + " " + strings.Join(settings, " ")
}

// dsnPlain is a connection string for the login that comes without TLS.
func dsnPlain(db *testenv.Database, settings ...string) string {
	return fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s %s",
		db.Server.Host, db.Server.Port, userPlain, password, db.Name, strings.Join(settings, " "))
}

// recorder remembers what is written to each socket that it dials.
type recorder struct {
	mu      sync.Mutex
	sockets []*recordedSocket
}

type recordedSocket struct {
	net.Conn
	mu      sync.Mutex
	written bytes.Buffer
}

func (s *recordedSocket) Write(p []byte) (int, error) {
	s.mu.Lock()
	s.written.Write(p)
	s.mu.Unlock()
	return s.Conn.Write(p)
}

func (s *recordedSocket) bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.written.Bytes())
}

func (r *recorder) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	socket := &recordedSocket{Conn: conn}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sockets = append(r.sockets, socket)
	return socket, nil
}

// streams returns what was written to each socket so far.
func (r *recorder) streams() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out [][]byte
	for _, s := range r.sockets {
		out = append(out, s.bytes())
	}
	return out
}

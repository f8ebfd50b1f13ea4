package sqladapter_test

import (
	"context"
	"fmt"
	"hash/crc32"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/libpq"
	"github.com/rekeyhq/rekey/sqladapter/mysql"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

// patience bounds a wait for what happens by itself; machines that run tests are slow at times.
const patience = 20 * time.Second

// poolSize is MaxOpenConns of the DBs that are tested under load.
const poolSize = 10

// issuer makes logins: that of PostgreSQL or that of MariaDB.
type issuer interface {
	loadtest.Issuer
	Issue(context.Context) (testenv.Login, error)
	Revoke(context.Context, testenv.Login) error
	AlterPassword(context.Context, testenv.Login) (testenv.Login, error)
	Sessions(context.Context, testenv.Login) (int, error)
	Terminate(context.Context, testenv.Login) error
}

// kind is one of the drivers, and what differs in its SQL.
type kind struct {
	name     string
	accounts string // the table
	events   string
	arg      string // the first placeholder
	pause    string // a statement that takes a tenth of a second
	begin    func(testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver)
}

var kinds = []kind{
	{"pgx", "app.accounts", "app.events", "$1", "select pg_sleep(0.1)", beginPgx},
	{"libpq", "app.accounts", "app.events", "$1", "select pg_sleep(0.1)", beginLibpq},
	{"mysql", "accounts", "events", "?", "select sleep(0.1)", beginMySQL},
}

func eachKind(t *testing.T, test func(*testing.T, kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

func beginPostgres(t testing.TB) (*testenv.Issuer, *testenv.Proxy, string) {
	t.Helper()
	issuer, proxy := envtest.IssuerWith(t, &testenv.IssuerOptions{Temp: true}), envtest.Proxy(t)
	if err := issuer.Database().Set(t.Context(), "log_statement", "none"); err != nil {
		t.Fatal(err)
	}
	return issuer, proxy, issuer.Database().DSNAt(proxy.Port(), "nobody", "")
}

func beginPgx(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
	t.Helper()
	issuer, proxy, dsn := beginPostgres(t)
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return issuer, proxy, pgxstdlib.New(config, nil)
}

func beginLibpq(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
	t.Helper()
	issuer, proxy, dsn := beginPostgres(t)
	config, err := pq.NewConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return issuer, proxy, libpq.New(config)
}

func beginMySQL(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
	t.Helper()
	issuer, proxy := envtest.MariaIssuer(t), envtest.MariaProxy(t)
	config := issuer.Config(testenv.Login{User: "nobody"})
	host, _, _ := net.SplitHostPort(config.Addr)
	config.Addr = net.JoinHostPort(host, strconv.Itoa(int(proxy.Port())))
	return issuer, proxy, mysql.New(config)
}

// rig is a DB on a fresh database, behind a proxy that counts, following a source of the test's.
type rig struct {
	kind
	issuer issuer
	proxy  *testenv.Proxy
	source *sourcetest.Fake
	db     *sqladapter.DB
	diary  *loadtest.Diary
	login  testenv.Login // the one that the source gives
}

func newRig(t testing.TB, k kind, change func(*sqladapter.Config)) *rig {
	t.Helper()
	envtest.NoLeak(t)
	r := &rig{kind: k, diary: &loadtest.Diary{}}
	var d sqladapter.Driver
	r.issuer, r.proxy, d = k.begin(t)
	r.login = r.issue(t)
	r.source = sourcetest.New(credential(r.login), sourcetest.Notifies, sourcetest.Retires)
	config := sqladapter.Config{Source: r.source.Source(), Driver: d, MaxOpenConns: poolSize, OnEvent: r.diary.Write}
	if change != nil {
		change(&config)
	}
	db, err := sqladapter.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	r.db = db
	t.Cleanup(func() { r.shutdown(t) })
	return r
}

func credential(l testenv.Login) source.Credential {
	version := fmt.Sprintf("%s-%08x", l.User, crc32.ChecksumIEEE([]byte(l.Password)))
	return source.Credential{Username: l.User, Password: source.NewSecret(l.Password), Version: version}
}

func (r *rig) issue(t testing.TB) testenv.Login {
	t.Helper()
	login, err := r.issuer.Issue(context.Background())
	if err != nil {
		t.Fatalf("issuing a login: %v", err)
	}
	return login
}

// rotate gives the DB a fresh login, and returns the one before.
func (r *rig) rotate(t testing.TB) (old testenv.Login) {
	t.Helper()
	old, r.login = r.login, r.issue(t)
	r.source.Rotate(credential(r.login))
	return old
}

func (r *rig) revoke(t testing.TB, login testenv.Login) {
	t.Helper()
	if err := r.issuer.Revoke(context.Background(), login); err != nil {
		t.Errorf("revoking %s: %v", login.User, err)
	}
}

// adoptedLast waits until the DB uses the newest login and no connection of another is left.
func (r *rig) adoptedLast(t testing.TB, within time.Duration) {
	t.Helper()
	envtest.Eventually(t, within, func() bool {
		s := r.db.Status()
		return s.Username == r.login.User && len(s.Draining) == 0
	}, "the DB uses the newest login only")
}

// sessions counts those of a login on the server.
func (r *rig) sessions(t testing.TB, login testenv.Login) int {
	t.Helper()
	n, err := r.issuer.Sessions(context.Background(), login)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// warm opens n connections, and leaves them idle.
func (r *rig) warm(t testing.TB, n int) {
	t.Helper()
	var held []interface{ Close() error }
	for range n {
		conn, err := r.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	for _, c := range held {
		c.Close()
	}
}

// shutdown ends the DB and checks that nothing is left of it on the server.
func (r *rig) shutdown(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.db.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	envtest.Eventually(t, 10*time.Second, func() bool {
		n, err := r.issuer.AllSessions(ctx)
		return err == nil && n == 0
	}, "no session is left on the server")
	if t.Failed() {
		t.Logf("events:\n%v", r.diary)
	}
}

func (r *rig) within(t testing.TB, seen, budget int) {
	t.Helper()
	if seen > budget {
		t.Errorf("the server saw %d sessions, the budget is %d", seen, budget)
	}
}

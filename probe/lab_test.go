package probe_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

// password is every login's of these tests, and must appear nowhere.
const password = "planted-pa55word"

// lab is a fresh database with two logins: {cur} is in use, {new} is to be checked. Roles are shared by the cluster, so
// that in SQL every {name} stands for a role name of this lab alone.
type lab struct {
	t     testing.TB
	db    *testenv.Database
	admin *pgx.Conn
}

func newLab(t testing.TB) *lab {
	t.Helper()
	l := &lab{t: t, db: envtest.Database(t)}
	l.admin = l.connect(l.db.AdminDSN())
	l.exec(`
		CREATE ROLE {cur} LOGIN PASSWORD '` + password + `';
		CREATE ROLE {new} LOGIN PASSWORD '` + password + `';
		GRANT CONNECT ON DATABASE ` + l.db.Name + ` TO {cur}, {new};
		CREATE SCHEMA app;
		GRANT USAGE ON SCHEMA app TO PUBLIC;
		CREATE TABLE app.orders (id bigserial PRIMARY KEY, total numeric, note text)`)
	return l
}

// role returns the name of a role of this lab.
func (l *lab) role(name string) string { return l.db.Name + "_" + name }

// fill puts the lab's names into text.
func (l *lab) fill(text string) string {
	text = strings.ReplaceAll(text, "{db}", l.db.Name)
	return strings.NewReplacer("{", l.db.Name+"_", "}", "").Replace(text)
}

// exec runs statements as the superuser, in one transaction.
func (l *lab) exec(sql string) {
	l.t.Helper()
	if _, err := l.admin.PgConn().Exec(l.ctx(), l.fill(sql)).ReadAll(); err != nil {
		l.t.Fatalf("%s\n%v", sql, err)
	}
}

func (l *lab) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	l.t.Cleanup(cancel)
	return ctx
}

// since skips the test on servers that are older than it.
func (l *lab) since(major int) {
	l.t.Helper()
	var version int
	if err := l.admin.QueryRow(l.ctx(), "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		l.t.Fatal(err)
	}
	if version/10000 < major {
		l.t.Skipf("PostgreSQL %d does not have this", version/10000)
	}
}

// connect opens a connection that is closed when the test ends.
func (l *lab) connect(dsn string) *pgx.Conn {
	l.t.Helper()
	conn, err := pgx.Connect(l.ctx(), dsn)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

// login connects as a role of the lab. params are appended to the connection string.
func (l *lab) login(name string, params ...string) *pgx.Conn {
	l.t.Helper()
	dsn := l.db.DSN(l.role(name), password)
	return l.connect(dsn + " " + strings.Join(params, " "))
}

// sqlLogin is login over database/sql.
func (l *lab) sqlLogin(name string) *sql.Conn {
	l.t.Helper()
	db, err := sql.Open("pgx", l.db.DSN(l.role(name), password))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { db.Close() })
	conn, err := db.Conn(l.ctx())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

// check runs a probe on the new login, against the login in use.
func (l *lab) check(p probe.Probe) error {
	l.t.Helper()
	conn := pgxprobe.Conn(l.login("new"))
	return p.Check(l.ctx(), probe.Target{Conn: conn, Current: l.role("cur")})
}

// missingOf returns what err names, and fails the test if err is another error.
func (l *lab) missingOf(err error) []string {
	l.t.Helper()
	if err == nil {
		return nil
	}
	var missing *probe.MissingError
	if !errors.As(err, &missing) {
		l.t.Fatalf("got %T %v, want a MissingError", err, err)
	}
	if !probe.Lacks(err) {
		l.t.Errorf("Lacks(%v) is false", err)
	}
	var names []string
	for _, r := range missing.Missing {
		names = append(names, r.String())
	}
	return names
}

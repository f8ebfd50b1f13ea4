package mysql

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/sqladapter"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// TestClassify: those that MariaDB does not know, or does not send to a local client.
func TestClassify(t *testing.T) {
	for number, want := range map[uint16]sqladapter.Meaning{
		1862: sqladapter.PasswordRefused,
		3118: sqladapter.LoginForbidden, 3955: sqladapter.LoginForbidden,
		1053: sqladapter.Killed, 1927: sqladapter.Killed,
		1129: sqladapter.Nothing,
	} {
		a := Classify(errors.Join(errors.New("wrapped"), &mysql.MySQLError{Number: number}))
		if a.Meaning != want {
			t.Errorf("%d means %v, want %v", number, a.Meaning, want)
		}
	}
	if a := Classify(mysql.ErrInvalidConn); a.Meaning != sqladapter.Nothing || a.Code != "" {
		t.Errorf("%+v", a)
	}
}

// visitor is a client of its own.
type visitor struct{ bench }

// in logs in; the connection is nil if that fails.
func (v visitor) in(user, password, database string) (*sql.Conn, error) {
	v.Helper()
	connector, err := mysql.NewConnector(v.Database().Server.Config(user, password, database))
	if err != nil {
		v.Fatal(err)
	}
	db := sql.OpenDB(connector)
	v.Cleanup(func() { db.Close() })
	conn, err := db.Conn(v.Context())
	if err == nil {
		v.Cleanup(func() { conn.Close() })
	}
	return conn, err
}

// gets is an error that must have that number and meaning.
func (v visitor) gets(err error, want uint16, meaning sqladapter.Meaning) {
	v.Helper()
	if number(err) != want || Classify(err).Meaning != meaning {
		v.Errorf("%v, which means %v; want %d and %v", err, Classify(err).Meaning, want, meaning)
	}
}

// TestLoginsRefused: what the server says to a login, and what that means.
func TestLoginsRefused(t *testing.T) {
	b := bench{t, envtest.MariaIssuerFor(t, envtest.MariaDatabaseOn(t, envtest.OwnMariaDB(t)), nil)}
	v, db := visitor{b}, b.Database().Name
	refused := func(l testenv.Login, database string, want uint16, meaning sqladapter.Meaning) {
		t.Helper()
		_, err := v.in(l.User, l.Password, database)
		v.gets(err, want, meaning)
	}
	l := b.issue()
	wrong := testenv.Login{User: l.User, Password: "wrong"}
	refused(wrong, db, 1045, sqladapter.PasswordRefused)
	refused(testenv.Login{User: "nobody", Password: "x"}, db, 1045, sqladapter.PasswordRefused)
	b.exec("CREATE USER {user} IDENTIFIED VIA unix_socket", testenv.Login{User: "here"})
	refused(testenv.Login{User: "here"}, "", 1698, sqladapter.PasswordRefused)
	refused(l, "mysql", 1044, sqladapter.AccessForbidden)
	b.exec("GRANT SELECT ON absent.* TO {user}", l)
	refused(l, "absent", 1049, sqladapter.AccessForbidden)
	b.exec("ALTER USER {user} ACCOUNT LOCK", l)
	refused(l, db, 4151, sqladapter.LoginForbidden)
	b.exec("ALTER USER {user} ACCOUNT UNLOCK", l)

	b.exec("ALTER USER {user} WITH MAX_USER_CONNECTIONS 1", l)
	if _, err := v.in(l.User, l.Password, db); err != nil {
		t.Fatal(err)
	}
	refused(l, db, 1226, sqladapter.Full)
	b.exec("ALTER USER {user} WITH MAX_USER_CONNECTIONS 0; SET GLOBAL max_user_connections = 1", l)
	refused(l, db, 1203, sqladapter.Full)
	b.exec("SET GLOBAL max_user_connections = 1000; ALTER USER {user} WITH MAX_CONNECTIONS_PER_HOUR 1; FLUSH USER_RESOURCES", l)
	if _, err := v.in(l.User, l.Password, db); err != nil {
		t.Fatal(err)
	}
	refused(l, db, 1226, sqladapter.Nothing)

	b.exec("SET GLOBAL max_password_errors = 1", l)
	other := b.issue()
	refused(testenv.Login{User: other.User, Password: "wrong"}, db, 1045, sqladapter.PasswordRefused)
	refused(other, db, 4150, sqladapter.LoginForbidden)
	b.exec("SET GLOBAL max_password_errors = 1000000; FLUSH PRIVILEGES", l)

	noHost(b, func() { refused(wrong, db, 1130, sqladapter.LoginForbidden) })
	full(v, b.issue())
}

// noHost calls during while no account may come from here.
func noHost(b bench, during func()) {
	b.Helper()
	const rename = `SET @n = (SELECT GROUP_CONCAT(CONCAT(QUOTE(User), '@', QUOTE(Host), ' TO ', QUOTE(User), '@', QUOTE({to})))
		FROM mysql.global_priv WHERE Host = {from} AND User <> ''); EXECUTE IMMEDIATE CONCAT('RENAME USER ', @n); FLUSH PRIVILEGES`
	b.exec(replace(rename, "{from}", "'%'", "{to}", "'192.0.2.1'"), testenv.Login{})
	during()
	b.exec(replace(rename, "{from}", "'192.0.2.1'", "{to}", "'%'"), testenv.Login{})
}

// full takes every session that the server has.
func full(v visitor, l testenv.Login) {
	v.Helper()
	v.exec("SET GLOBAL max_connections = 10", l)
	defer v.exec("SET GLOBAL max_connections = 200", l) // who cleans up has to get in
	var err error
	for range 12 {
		if _, err = v.in(l.User, l.Password, ""); err != nil {
			break
		}
	}
	v.gets(err, 1040, sqladapter.Full)
}

// TestStatementsRefused: what the server says to a statement, and what that means.
func TestStatementsRefused(t *testing.T) {
	b := newBench(t, testenv.OnTables)
	v, l := visitor{b}, b.issue()
	b.exec("CREATE TABLE {db}.columns (a int, b int); GRANT SELECT (a) ON {db}.columns TO {user}", l)
	conn, err := v.in(l.User, l.Password, b.Database().Name)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(query string, want uint16, meaning sqladapter.Meaning) {
		t.Helper()
		_, err := conn.ExecContext(t.Context(), query)
		v.gets(err, want, meaning)
	}
	refused("CREATE TEMPORARY TABLE t (n int)", 1044, sqladapter.AccessForbidden)
	refused("LOAD DATA INFILE 'x' INTO TABLE accounts", 1045, sqladapter.PasswordRefused)
	refused("SELECT * FROM mysql.global_priv", 1142, sqladapter.RoleSuspect)
	refused("SELECT b FROM columns", 1143, sqladapter.RoleSuspect)
	refused("SET GLOBAL max_connections = 200", 1227, sqladapter.RoleSuspect)
	refused("SELECT nothing FROM absent.t", 1142, sqladapter.RoleSuspect)
	refused("INSERT INTO accounts (id, owner, balance) VALUES (1, '', 0)", 1062, sqladapter.Nothing)
	b.exec("REVOKE EXECUTE ON FUNCTION {db}.balance_of FROM {user}", l)
	refused("SELECT balance_of(1)", 1370, sqladapter.RoleSuspect)
	b.exec("DROP USER {user}", l)
	refused("SHOW GRANTS", 1141, sqladapter.RoleSuspect)

	l = b.issue()
	b.exec("ALTER USER {user} WITH MAX_QUERIES_PER_HOUR 1", l)
	if conn, err = v.in(l.User, l.Password, b.Database().Name); err != nil {
		t.Fatal(err)
	}
	_, err = conn.ExecContext(t.Context(), "SELECT 1")
	for n := 0; err == nil && n < 3; n++ {
		_, err = conn.ExecContext(t.Context(), "SELECT 1")
	}
	v.gets(err, 1226, sqladapter.Nothing)

	l = b.issue()
	b.exec("ALTER USER {user} PASSWORD EXPIRE", l)
	if conn, err = v.in(l.User, l.Password, b.Database().Name); err != nil {
		t.Fatal(err)
	}
	refused("SELECT 1", 1820, sqladapter.LoginForbidden)
}

// TestCodesOfAProbe: codes that mean a refused login elsewhere speak against a credential when its probe gets them, too.
func TestCodesOfAProbe(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil, ask string
	}{
		"1820": {"ALTER USER {user} PASSWORD EXPIRE", "SELECT 1"},
		"1044": {"FLUSH PRIVILEGES", "CREATE TEMPORARY TABLE t (n int)"},
		"1045": {"FLUSH PRIVILEGES", "LOAD DATA INFILE 'x' INTO TABLE accounts"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, testenv.OnTables)
			d := New(b.Config(testenv.Login{}))
			d.Probe = probe.Func(func(ctx context.Context, target probe.Target) error {
				if target.Current == "" {
					return nil
				}
				return target.Conn.Exec(ctx, tt.ask)
			})
			db, src := b.open(b.issue(), d)
			next := b.issue()
			b.exec(tt.spoil, next)
			src.give(next)
			var verify *rekey.VerifyError
			err := db.Refresh(t.Context())
			if !errors.As(err, &verify) || verify.Class != rekey.VerifyLacking || verify.SQLState != name {
				t.Errorf("%v", err)
			}
		})
	}
}

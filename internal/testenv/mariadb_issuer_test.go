package testenv_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func mariaIssue(t *testing.T, issuer *testenv.MariaIssuer) testenv.Login {
	t.Helper()
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// mariaExpect runs statements on an open session and compares the numbers of their errors; 0 is none.
func mariaExpect(t *testing.T, conn *sql.Conn, want map[string]uint16) {
	t.Helper()
	for query, code := range want {
		if _, err := conn.ExecContext(t.Context(), query); mariaCode(err) != code || (err == nil) != (code == 0) {
			t.Errorf("%s: %v, want error %d", query, err, code)
		}
	}
}

// mariaRefused expects a login to be refused with an error of that number.
func mariaRefused(t *testing.T, config *mysql.Config, code uint16) {
	t.Helper()
	if _, err := mariaTry(t, config); mariaCode(err) != code {
		t.Errorf("login: %v, want error %d", err, code)
	}
}

// mariaDo fails the test on err.
func mariaDo(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestMariaLoginDoesTheApplicationsWork(t *testing.T) {
	for name, rights := range mariaRights {
		t.Run(name, func(t *testing.T) {
			issuer := envtest.MariaIssuerWith(t, &testenv.MariaIssuerOptions{Rights: rights})
			conn := mariaConnect(t, mariaConfig(t, issuer.DSN(mariaIssue(t, issuer))))
			mariaExpect(t, conn, map[string]uint16{
				"SELECT balance_of(1)": 0,
				"INSERT INTO events (account_id, kind) VALUES (1, 'test')": 0,
				"UPDATE accounts SET balance = balance - 1 WHERE id = 1":   0,
				"DELETE FROM events":                        0,
				"CREATE TABLE t (id int)":                   1142,
				"CREATE TEMPORARY TABLE t (id int)":         1044,
				"TRUNCATE events":                           1142,
				"SELECT * FROM mysql.global_priv":           1142,
				"CREATE DATABASE another":                   1044,
				"ALTER TABLE accounts ADD COLUMN note text": 1142,
			})
		})
	}
}

var mariaRights = map[string]testenv.MariaRights{
	"on tables": testenv.OnTables, "on the database": testenv.OnDatabase, "by role": testenv.ByRole,
}

func TestMariaIssuerOptions(t *testing.T) {
	issuer := envtest.MariaIssuerWith(t, &testenv.MariaIssuerOptions{Prefix: "custom-", ConnectionLimit: 1, Accounts: 3})
	login := mariaIssue(t, issuer)
	if !strings.HasPrefix(login.User, "custom-") {
		t.Errorf("user %q", login.User)
	}
	conn := mariaConnect(t, issuer.Config(login))
	var accounts int
	err := conn.QueryRowContext(t.Context(), "SELECT count(*) FROM accounts").Scan(&accounts)
	if err != nil || accounts != 3 {
		t.Errorf("%d accounts, err = %v", accounts, err)
	}
	mariaRefused(t, issuer.Config(login), 1226)
	mariaDo(t, issuer.LimitSessions(t.Context(), login, 2))
	mariaConnect(t, issuer.Config(login))
}

// What an open session of a dropped login may still do depends on where its rights came from: those on tables are
// looked up anew, those on its database and its role are kept from when it began.
func TestMariaRevokedLogin(t *testing.T) {
	for name, rights := range mariaRights {
		t.Run(name, func(t *testing.T) {
			issuer := envtest.MariaIssuerWith(t, &testenv.MariaIssuerOptions{Rights: rights})
			login, other := mariaIssue(t, issuer), mariaIssue(t, issuer)
			conn := mariaConnect(t, issuer.Config(login))
			mariaDo(t, issuer.Revoke(t.Context(), login))
			denied := map[testenv.MariaRights]uint16{testenv.OnTables: 1142}[rights]
			mariaExpect(t, conn, map[string]uint16{
				"SELECT * FROM accounts":                                   denied,
				"INSERT INTO events (account_id, kind) VALUES (1, 'late')": denied,
				"SELECT 1":              0,
				"SELECT current_user()": 0,
				"SHOW GRANTS":           1141, // the only one that always knows
			})
			mariaDo(t, conn.PingContext(t.Context()))
			mariaRefused(t, issuer.Config(login), 1045)
			countAndEnd(t, issuer, login, other)
		})
	}
}

// countAndEnd finds the one session of a dropped login and ends it.
func countAndEnd(t *testing.T, issuer *testenv.MariaIssuer, dropped, other testenv.Login) {
	t.Helper()
	if n := count(t)(issuer.Sessions(t.Context(), dropped)); n != 1 {
		t.Errorf("%d sessions of the dropped login, want 1", n)
	}
	if n := count(t)(issuer.Sessions(t.Context(), other)); n != 0 {
		t.Errorf("%d sessions of the other login, want 0", n)
	}
	if n := count(t)(issuer.AllSessions(t.Context())); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	mariaDo(t, issuer.Terminate(t.Context(), dropped))
	envtest.Eventually(t, 5*time.Second, func() bool {
		return count(t)(issuer.AllSessions(t.Context())) == 0
	}, "the session of the dropped login ends")
	mariaDo(t, issuer.Terminate(t.Context(), dropped)) // nothing left to end
}

func TestMariaDroppedLogin(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	conn := mariaConnect(t, issuer.Config(login))
	mariaDo(t, issuer.Drop(t.Context(), login))
	mariaExpect(t, conn, map[string]uint16{"SELECT * FROM accounts": 1142, "SELECT balance_of(1)": 1370})
	mariaRefused(t, issuer.Config(login), 1045)
}

func TestMariaRevokedRights(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	conn := mariaConnect(t, issuer.Config(login))
	mariaDo(t, issuer.RevokeRights(t.Context(), login))
	mariaExpect(t, conn, map[string]uint16{"SELECT * FROM accounts": 1142, "SHOW GRANTS": 0})
	mariaRefused(t, issuer.Config(login), 1044) // the database is not its own any more
	mariaConnect(t, issuer.Database().Server.Config(login.User, login.Password, ""))
}

func TestMariaAlterPassword(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	old := mariaIssue(t, issuer)
	conn := mariaConnect(t, issuer.Config(old))
	changed, err := issuer.AlterPassword(t.Context(), old)
	mariaDo(t, err)
	mariaExpect(t, conn, map[string]uint16{"SELECT * FROM accounts": 0})
	mariaRefused(t, issuer.Config(old), 1045)
	mariaConnect(t, issuer.Config(changed))
	if n := count(t)(issuer.Sessions(t.Context(), changed)); n != 2 {
		t.Errorf("%d sessions, want 2", n)
	}
}

func TestMariaLockedLogin(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	conn := mariaConnect(t, issuer.Config(login))
	mariaDo(t, issuer.Lock(t.Context(), login))
	mariaExpect(t, conn, map[string]uint16{"SELECT * FROM accounts": 0})
	mariaRefused(t, issuer.Config(login), 4151)
	mariaDo(t, issuer.Unlock(t.Context(), login))
	mariaConnect(t, issuer.Config(login))
}

func TestMariaExpiredLogin(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	open := mariaConnect(t, issuer.Config(login))
	mariaDo(t, issuer.Expire(t.Context(), login))
	mariaExpect(t, open, map[string]uint16{"SELECT * FROM accounts": 0})
	late := mariaConnect(t, issuer.Config(login)) // let in, to change the password and nothing else
	mariaDo(t, late.PingContext(t.Context()))
	mariaExpect(t, late, map[string]uint16{"SELECT 1": 1820})
}

func TestMariaTerminate(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	conn := mariaConnect(t, issuer.Config(login))
	mariaDo(t, issuer.Terminate(t.Context(), login))
	// The driver tells whether the statement had left when it found out.
	_, err := conn.ExecContext(t.Context(), "SELECT 1")
	if !errors.Is(err, mysql.ErrInvalidConn) && !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("err = %v, want that of a connection that is gone", err)
	}
}

func TestMariaServerIsFull(t *testing.T) {
	issuer := envtest.MariaIssuerFor(t, envtest.MariaDatabaseOn(t, envtest.OwnMariaDB(t)), nil)
	login := mariaIssue(t, issuer)
	if n := count(t)(issuer.AllSessions(t.Context())); n != 0 { // the issuer is connected to count, from here on
		t.Errorf("%d sessions, want none", n)
	}
	mariaDo(t, issuer.Exec(t.Context(), "SET GLOBAL max_user_connections = 1"))
	mariaConnect(t, issuer.Config(login))
	mariaRefused(t, issuer.Config(login), 1203)
	mariaDo(t, issuer.Exec(t.Context(), "SET GLOBAL max_user_connections = 1000, max_connections = 10"))
	var err error
	for range 10 {
		if _, err = mariaTry(t, issuer.Config(login)); err != nil {
			break
		}
	}
	if mariaCode(err) != 1040 {
		t.Errorf("err = %v, want error 1040", err)
	}
	if n := count(t)(issuer.Sessions(t.Context(), login)); n < 5 || n > 10 {
		t.Errorf("%d sessions on a server for 10", n)
	}
	mariaDo(t, issuer.Exec(t.Context(), "SET GLOBAL max_connections = 200")) // who cleans up has to get in
}

func TestMariaIssuerSendsNoPassword(t *testing.T) {
	issuer := envtest.MariaIssuer(t)
	login := mariaIssue(t, issuer)
	changed, err := issuer.AlterPassword(t.Context(), login)
	mariaDo(t, err)
	mariaConnect(t, issuer.Config(changed))
	said, err := issuer.Database().Server.Log()
	mariaDo(t, err)
	if !strings.Contains(said, login.User) || strings.Contains(said, login.Password) ||
		strings.Contains(said, changed.Password) {
		t.Error("the server's log has a password, or not even the user")
	}
}

func TestMariaIssuersDoNotMindEachOther(t *testing.T) {
	db := envtest.MariaIssuer(t).Database()
	var work sync.WaitGroup
	for n := range 4 {
		// Issuers of their own connections, for the same tables: what two rotators are to each other.
		issuer, err := testenv.SecondMariaIssuer(db, &testenv.MariaIssuerOptions{Prefix: string(rune('a' + n))})
		mariaDo(t, err)
		work.Go(func() {
			defer issuer.Close()
			for range 20 {
				login, err := issuer.Issue(t.Context())
				if err == nil {
					err = issuer.Revoke(t.Context(), login)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
}

func BenchmarkMariaIssueRevoke(b *testing.B) {
	issuer := envtest.MariaIssuer(b)
	for b.Loop() {
		login, err := issuer.Issue(b.Context())
		if err == nil {
			err = issuer.Revoke(b.Context(), login)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMariaConnect(b *testing.B) {
	issuer := envtest.MariaIssuer(b)
	login, err := issuer.Issue(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	connector, err := mysql.NewConnector(issuer.Config(login))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		conn, err := connector.Connect(b.Context())
		if err == nil {
			err = conn.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStartMariaDB(b *testing.B) {
	for b.Loop() {
		server, err := testenv.StartMariaDB(b.Context())
		if err == nil {
			err = server.Stop()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

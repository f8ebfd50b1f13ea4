package testenv_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func issue(t *testing.T, issuer *testenv.Issuer) testenv.Login {
	t.Helper()
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// count fails the test on err, so that counts can be compared in one line.
func count(t *testing.T) func(int, error) int {
	return func(n int, err error) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
}

func TestIssuedLoginDoesTheApplicationsWork(t *testing.T) {
	issuer := envtest.Issuer(t)
	conn := connect(t, issuer.DSN(issue(t, issuer)))
	for _, sql := range []string{
		"SELECT balance_of(1)",
		"INSERT INTO events (account_id, kind) VALUES (1, 'test')",
		"UPDATE accounts SET balance = balance - 1 WHERE id = 1",
		"DELETE FROM events",
		"SELECT last_value FROM events_id_seq",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"CREATE TABLE app.t ()", "CREATE TEMP TABLE t ()", "TRUNCATE events", "CREATE SCHEMA s"} {
		if _, err := conn.Exec(t.Context(), sql); sqlState(err) != "42501" {
			t.Errorf("%s: %v, want SQLSTATE 42501", sql, err)
		}
	}
}

func TestIssuerOptions(t *testing.T) {
	issuer := envtest.IssuerWith(t, &testenv.IssuerOptions{
		Prefix: "custom-", Temp: true, ConnectionLimit: 1, ValidFor: 500 * time.Millisecond, Accounts: 3,
	})
	login := issue(t, issuer)
	if !strings.HasPrefix(login.User, "custom-") {
		t.Errorf("user %q", login.User)
	}
	conn := connect(t, issuer.DSN(login))
	if _, err := conn.Exec(t.Context(), "CREATE TEMP TABLE t AS SELECT * FROM accounts"); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), issuer.DSN(login)); sqlState(err) != "53300" {
		t.Errorf("second session: %v, want SQLSTATE 53300", err)
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		_, err := pgx.Connect(t.Context(), issuer.DSN(login))
		return sqlState(err) == "28P01"
	}, "the login ends")
}

func TestRevokedLogin(t *testing.T) {
	issuer := envtest.Issuer(t)
	login, other := issue(t, issuer), issue(t, issuer)
	conn := connect(t, issuer.DSN(login))
	if err := issuer.Revoke(t.Context(), login); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]string{
		"SELECT * FROM app.accounts":      "42501",
		"SELECT * FROM accounts":          "42P01",
		"SELECT current_user::text":       "42704",
		"SELECT 1 / (1 - 1) -- no rights": "22012",
	} {
		if _, err := conn.Exec(t.Context(), sql); sqlState(err) != want {
			t.Errorf("%s on the open session: %v, want SQLSTATE %s", sql, err, want)
		}
	}
	if _, err := pgx.Connect(t.Context(), issuer.DSN(login)); sqlState(err) != "28P01" {
		t.Errorf("login: %v, want SQLSTATE 28P01", err)
	}
	if n := count(t)(issuer.Sessions(t.Context(), login)); n != 1 {
		t.Errorf("%d sessions of the dropped role, want 1", n)
	}
	if n := count(t)(issuer.Sessions(t.Context(), other)); n != 0 {
		t.Errorf("%d sessions of the other role, want 0", n)
	}
	if n := count(t)(issuer.AllSessions(t.Context())); n != 1 {
		t.Errorf("%d sessions, want 1", n)
	}
	if err := issuer.Terminate(t.Context(), login); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 5*time.Second, func() bool {
		return count(t)(issuer.AllSessions(t.Context())) == 0
	}, "the session of the dropped role ends")
}

func TestAlterPassword(t *testing.T) {
	issuer := envtest.Issuer(t)
	old := issue(t, issuer)
	conn := connect(t, issuer.DSN(old))
	changed, err := issuer.AlterPassword(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("the open session: %v", err)
	}
	if _, err := pgx.Connect(t.Context(), issuer.DSN(old)); sqlState(err) != "28P01" {
		t.Errorf("old password: %v, want SQLSTATE 28P01", err)
	}
	connect(t, issuer.DSN(changed))
	byName := testenv.Login{User: changed.User}
	if n := count(t)(issuer.Sessions(t.Context(), byName)); n != 2 {
		t.Errorf("%d sessions by name, want 2", n)
	}
}

func TestIssuerSendsNoPassword(t *testing.T) {
	issuer := envtest.Issuer(t)
	login := issue(t, issuer)
	connect(t, issuer.DSN(login))
	said, err := issuer.Database().Server.Log()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, login.User) || strings.Contains(said, login.Password) {
		t.Error("the server's log has the password, or not even the user")
	}
}

func TestIssuersDoNotMindEachOther(t *testing.T) {
	db := envtest.Issuer(t).Database()
	var work sync.WaitGroup
	for n := range 4 {
		// Issuers of their own connections, for the same tables: what two rotators are to each other.
		issuer := testenv.SecondIssuer(db, string(rune('a'+n)))
		work.Go(func() {
			defer issuer.Close()
			for range 20 {
				login, err := issuer.Issue(t.Context())
				if err == nil {
					// Nothing makes these take turns: they collide, and are tried again.
					err = issuer.Exec(t.Context(), "GRANT TRUNCATE ON app.events TO "+issuer.Owner())
				}
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

func TestIssuerSurvivesRestart(t *testing.T) {
	server := start(t)
	db, err := server.CreateDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	issuer, err := testenv.NewIssuer(t.Context(), db, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer issuer.Close()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	issue(t, issuer)
}

func BenchmarkIssueRevoke(b *testing.B) {
	issuer := envtest.Issuer(b)
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

package probe_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

func TestStatements(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT SELECT, INSERT, UPDATE ON app.orders TO {new}; GRANT USAGE ON SEQUENCE app.orders_id_seq TO {new};
		CREATE SCHEMA hidden; CREATE TABLE hidden.t (i int)`)
	for _, test := range []struct {
		name  string
		list  []probe.Statement
		state string
		lacks bool
		says  string
	}{
		{name: "none"},
		{
			name: "a write is rolled back",
			list: []probe.Statement{
				{SQL: "INSERT INTO app.orders (note) VALUES ($1)", Args: []any{"secret argument"}},
				{SQL: "SELECT * FROM app.orders WHERE note = $1 OR id = ANY ($2)", Args: []any{"x", []int64{1, 2}}},
			},
		},
		{
			name:  "missing grant",
			list:  []probe.Statement{{SQL: "SELECT 1"}, {Name: "tidy up", SQL: "DELETE FROM app.orders WHERE false"}},
			state: "42501", lacks: true,
			says: "probe: statement 2 (tidy up): ERROR: permission denied for table orders (SQLSTATE 42501)",
		},
		{
			name:  "a schema that is passed over in silence",
			list:  []probe.Statement{{SQL: "SET LOCAL search_path = hidden, app"}, {SQL: "SELECT * FROM t"}},
			state: "42P01", lacks: true,
			says: `probe: statement 2: ERROR: relation "t" does not exist (SQLSTATE 42P01)`,
		},
		{
			name:  "an answer that shows an argument",
			list:  []probe.Statement{{SQL: "INSERT INTO app.orders (id) VALUES ($1::text::int)", Args: []any{"secret argument"}}},
			state: "22P02",
			says:  "probe: statement 1: SQLSTATE 22P02",
		},
		{
			name: "an answer about missing rights that shows an argument",
			list: []probe.Statement{{SQL: "DO $$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'not for tenant 7'; END $$"},
				{SQL: "SELECT $1", Args: []any{"7"}}},
			state: "42501", lacks: true,
			says: "probe: statement 1: ERROR: not for tenant 7 (SQLSTATE 42501)",
		},
		{
			name:  "an argument that cannot be encoded",
			list:  []probe.Statement{{SQL: "SELECT $1::int", Args: []any{map[int]string{1: "secret argument"}}}},
			state: "-",
			says:  "probe: statement 1: it could not be run",
		},
		{
			name:  "a mistake",
			list:  []probe.Statement{{SQL: "SELEC 'secret argument'"}},
			state: "42601",
			says:  "probe: statement 1: SQLSTATE 42601",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for adapter, conn := range map[string]probe.Conn{
				"pgx":          pgxprobe.Conn(l.login("new")),
				"database/sql": probe.SQL(l.sqlLogin("new")),
			} {
				err := probe.Statements{List: test.list}.Check(l.ctx(), probe.Target{Conn: conn})
				if test.state == "" {
					if err != nil {
						t.Errorf("over %s: %v", adapter, err)
					}
				} else {
					checkStatementError(t, err, test.state, test.lacks, test.says)
				}
				// The session is usable again, outside of a transaction.
				if err := conn.Exec(l.ctx(), "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE"); err != nil {
					t.Errorf("over %s: after the probe: %v", adapter, err)
				}
			}
		})
	}
	var rows int
	if err := l.admin.QueryRow(l.ctx(), "SELECT count(*) FROM app.orders").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}

func checkStatementError(t *testing.T, err error, state string, lacks bool, says string) {
	t.Helper()
	var failed *probe.StatementError
	if !errors.As(err, &failed) {
		t.Errorf("got %T %v, want a StatementError", err, err)
		return
	}
	if state != "-" && failed.SQLState != state {
		t.Errorf("SQLSTATE %s, want %s: %v", failed.SQLState, state, err)
	}
	if probe.Lacks(err) != lacks {
		t.Errorf("Lacks(%v) is %v", err, !lacks)
	}
	if err.Error() != says {
		t.Errorf("it says %q, want %q", err, says)
	}
	if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, "secret argument") {
		t.Errorf("it shows an argument: %s", shown)
	}
}

// A server's answer about rights is kept to itself where it shows one of the statement's own arguments.
func TestStatementErrorHidesArguments(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`CREATE FUNCTION app.f(who text) RETURNS int LANGUAGE plpgsql AS
		$$ BEGIN RAISE insufficient_privilege USING MESSAGE = 'not for ' || who; END $$`)
	err := l.check(probe.Statements{List: []probe.Statement{{SQL: "SELECT app.f($1)", Args: []any{"secret argument"}}}})
	checkStatementError(t, err, "42501", true, "probe: statement 1: SQLSTATE 42501")
}

func TestStatementPrintsNoArguments(t *testing.T) {
	t.Parallel()
	for _, s := range []probe.Statement{
		{Name: "place an order", SQL: "INSERT …", Args: []any{"secret argument"}},
		{SQL: "INSERT …", Args: []any{"secret argument"}},
	} {
		asJSON, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		p := probe.Statements{List: []probe.Statement{s}}
		if shown := fmt.Sprintf("%v %+v %#v %v %+v %#v %s", s, s, s, p, p, p, asJSON); strings.Contains(shown, "secret argument") {
			t.Error(shown)
		}
	}
}

// The probe must not queue behind the application's locks for long, and says that it knows nothing.
func TestStatementsDoNotWaitForLocks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT SELECT ON app.orders TO {new}`)
	other := l.connect(l.db.AdminDSN())
	if _, err := other.Exec(l.ctx(), "BEGIN; LOCK TABLE app.orders"); err != nil {
		t.Fatal(err)
	}
	list := []probe.Statement{{SQL: "SELECT * FROM app.orders"}}
	for _, test := range []struct {
		probe probe.Statements
		state string
	}{
		{probe.Statements{List: list, LockTimeout: 50 * time.Millisecond}, "55P03"},
		{probe.Statements{List: list, LockTimeout: time.Microsecond}, "55P03"},
		{probe.Statements{List: list, LockTimeout: -1, StatementTimeout: 50 * time.Millisecond}, "57014"},
		{probe.Statements{List: list}, "55P03"},
	} {
		start := time.Now()
		checkStatementError(t, l.check(test.probe), test.state, false, "probe: statement 1: SQLSTATE "+test.state)
		if took := time.Since(start); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
	}
}

// With both timeouts off, only what any database understands is sent.
func TestStatementsWithoutTimeouts(t *testing.T) {
	t.Parallel()
	conn := &fakeConn{}
	p := probe.Statements{List: []probe.Statement{{SQL: "SELECT 7"}}, LockTimeout: -1, StatementTimeout: -1}
	if err := p.Check(t.Context(), probe.Target{Conn: conn}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(conn.statements, "; "); got != "BEGIN; SELECT 7; ROLLBACK" {
		t.Errorf("sent %s", got)
	}
}

func TestStatementsAreRolledBackAfterCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	conn := &fakeConn{fail: func(statement string) error {
		if statement != "SELECT 7" {
			return nil
		}
		cancel()
		return ctx.Err()
	}}
	err := probe.Statements{List: []probe.Statement{{SQL: "SELECT 7"}}}.Check(ctx, probe.Target{Conn: conn})
	if !errors.Is(err, context.Canceled) || probe.Lacks(err) || err.Error() != "probe: statement 1: context canceled" {
		t.Errorf("got %v", err)
	}
	if last := conn.statements[len(conn.statements)-1]; last != "ROLLBACK" || conn.ended != nil {
		t.Errorf("the last statement is %s, its context: %v", last, conn.ended)
	}
}

// What surrounds the statements fails as a QueryError.
func TestStatementsSurroundings(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"BEGIN", "SELECT pg_catalog", "ROLLBACK"} {
		conn := &fakeConn{fail: func(statement string) error {
			if strings.HasPrefix(statement, bad) {
				return errors.New("broken pipe")
			}
			return nil
		}}
		err := probe.Statements{List: []probe.Statement{{SQL: "SELECT 7"}}}.Check(t.Context(), probe.Target{Conn: conn})
		var failed *probe.QueryError
		if !errors.As(err, &failed) || probe.Lacks(err) {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}

func TestStatementsValidate(t *testing.T) {
	t.Parallel()
	p := probe.Statements{List: []probe.Statement{{SQL: "SELECT 1"}, {Name: "second"}}}
	want := "probe: Statements: statement 2 (second) is empty"
	if err := probe.Validate(p); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
	if err := p.Check(t.Context(), probe.Target{}); err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

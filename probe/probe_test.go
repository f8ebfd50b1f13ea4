package probe_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

func TestPing(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	conn := l.login("new")
	for _, c := range []probe.Conn{pgxprobe.Conn(conn), probe.SQL(l.sqlLogin("new"))} {
		if err := (probe.Ping{}).Check(l.ctx(), probe.Target{Conn: c}); err != nil {
			t.Error(err)
		}
	}
	conn.Close(l.ctx())
	err := probe.Ping{}.Check(l.ctx(), probe.Target{Conn: pgxprobe.Conn(conn)})
	var failed *probe.QueryError
	if !errors.As(err, &failed) || failed.Probe != "ping" || probe.Lacks(err) {
		t.Errorf("got %v", err)
	}
}

// A connection that breaks says nothing about the login, whatever the probe.
func TestBrokenConnection(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, p := range []probe.Probe{
		probe.Ping{}, probe.Parity{}, probe.Privileges{probe.Table("app.orders", "SELECT")},
		probe.Statements{List: []probe.Statement{{SQL: "SELECT 1"}}},
	} {
		pgxConn, sqlConn := l.login("new"), l.sqlLogin("new")
		l.exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{new}'`)
		for _, c := range []probe.Conn{pgxprobe.Conn(pgxConn), probe.SQL(sqlConn)} {
			err := p.Check(l.ctx(), probe.Target{Conn: c, Current: l.role("cur")})
			if err == nil || probe.Lacks(err) {
				t.Errorf("%T: got %v", p, err)
			}
			if shown := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(shown, password) {
				t.Errorf("%T shows the password", p)
			}
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	slow := probe.Statements{List: []probe.Statement{{SQL: "SELECT pg_sleep(30)"}}, StatementTimeout: -1}
	for _, c := range []probe.Conn{pgxprobe.Conn(l.login("new")), probe.SQL(l.sqlLogin("new"))} {
		start := time.Now()
		err := probe.Timeout(50*time.Millisecond, slow).Check(l.ctx(), probe.Target{Conn: c})
		if !errors.Is(err, context.DeadlineExceeded) || probe.Lacks(err) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	if err := probe.Validate(probe.Timeout(0, slow)); err == nil {
		t.Error("a timeout of zero is accepted")
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	var ran []int
	step := func(n int, err error) probe.Probe {
		return probe.Func(func(context.Context, probe.Target) error { ran = append(ran, n); return err })
	}
	bad := errors.New("bad")
	p := probe.All(step(1, nil), probe.All(), step(2, bad), step(3, nil))
	if err := p.Check(t.Context(), probe.Target{}); err != bad || fmt.Sprint(ran) != "[1 2]" {
		t.Errorf("got %v after %v", err, ran)
	}
	if err := probe.All().Check(t.Context(), probe.Target{}); err != nil {
		t.Error(err)
	}
	if err := probe.Validate(p); err != nil {
		t.Error(err)
	}
	for _, missing := range []probe.Probe{nil, probe.Func(nil), (*probe.Parity)(nil)} {
		if err := probe.Validate(probe.All(step(1, nil), missing)); err == nil {
			t.Errorf("a nil probe is accepted: %T", missing)
		}
	}
}

func TestLacks(t *testing.T) {
	t.Parallel()
	server := func(code string) error { return &pgconn.PgError{Code: code} }
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("broken pipe"), false},
		{context.DeadlineExceeded, false},
		{server("42501"), true},
		{fmt.Errorf("my probe: %w", server("42704")), true},
		{server("42P01"), true},
		{server("53300"), false},
		{server("57P01"), false},
		{server("55P03"), false},
		{server("57014"), false},
		{server("40001"), false},
		{&probe.MissingError{}, true},
		{fmt.Errorf("refused: %w", &probe.MissingError{}), true},
		{probe.Refuse(errors.New("the schema is too old")), true},
		{fmt.Errorf("my probe: %w", probe.Refuse(server("57014"))), true},
		{probe.Refuse(nil), false},
	} {
		if got := probe.Lacks(test.err); got != test.want {
			t.Errorf("Lacks(%v) is %v", test.err, got)
		}
	}
	if err := probe.Refuse(nil); err != nil {
		t.Errorf("Refuse(nil) is %v", err)
	}
	bad := errors.New("bad")
	if err := probe.Refuse(bad); !errors.Is(err, bad) || err.Error() != "bad" {
		t.Errorf("Refuse changed the error to %v", err)
	}
}

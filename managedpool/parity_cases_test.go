package managedpool_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// errCase is an error that a case itself returns.
var errCase = errors.New("the case's own")

// calls has every method that acquires a connection, each as one call that gives it back.
var calls = map[string]func(context.Context, *side) error{
	"Acquire": func(ctx context.Context, s *side) error {
		c, err := s.pool.Acquire(ctx)
		if err == nil {
			c.Release()
		}
		return err
	},
	"AcquireFunc": func(ctx context.Context, s *side) error {
		return s.pool.AcquireFunc(ctx, func(*pgxpool.Conn) error { return nil })
	},
	"Begin": func(ctx context.Context, s *side) error {
		return ended(s.pool.Begin(ctx))
	},
	"BeginTx": func(ctx context.Context, s *side) error {
		return ended(s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable}))
	},
	"CopyFrom": func(ctx context.Context, s *side) error {
		_, err := s.copyIn(ctx, pgx.CopyFromRows(nil))
		return err
	},
	"Exec": func(ctx context.Context, s *side) error {
		_, err := s.pool.Exec(ctx, "select 1")
		return err
	},
	"Ping": func(ctx context.Context, s *side) error { return s.pool.Ping(ctx) },
	"Query": func(ctx context.Context, s *side) error {
		rows, err := s.pool.Query(ctx, "select 1")
		rows.Close()
		if !errors.Is(err, rows.Err()) {
			return fmt.Errorf("Query says %w, its rows %w", err, rows.Err())
		}
		return err
	},
	"QueryRow": func(ctx context.Context, s *side) error {
		var n int
		return s.pool.QueryRow(ctx, "select 1").Scan(&n)
	},
	"SendBatch": func(ctx context.Context, s *side) error {
		b := &pgx.Batch{}
		b.Queue("select 1")
		return s.pool.SendBatch(ctx, b).Close()
	},
}

func ended(tx pgx.Tx, err error) error {
	if err != nil {
		return err
	}
	return tx.Rollback(context.Background())
}

// eachCall notes what every call returns.
func (s *side) eachCall(ctx context.Context) {
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		s.say(name, calls[name](ctx, s))
	}
}

// hold acquires a connection until the case ends.
func (s *side) hold(ctx context.Context) *pgxpool.Conn {
	s.Helper()
	c, err := s.pool.Acquire(ctx)
	s.must(err)
	s.Cleanup(c.Release)
	return c
}

func (s *side) copyIn(ctx context.Context, rows pgx.CopyFromSource) (int64, error) {
	return s.pool.CopyFrom(ctx, s.identifier(), []string{"n", "s"}, rows)
}

func (s *side) identifier() pgx.Identifier { return strings.Split(s.table, ".") }

// rows notes what is in the side's table.
func (s *side) rows(ctx context.Context) {
	rows, _ := s.pool.Query(ctx, s.sql("select s from {t} order by n"))
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	s.say("rows", all, err)
}

func (s *side) exec(ctx context.Context, sql string, args ...any) {
	tag, err := s.pool.Exec(ctx, s.sql(sql), args...)
	s.say(sql, tag, err)
}

// sleeping counts the sessions of the side's own sleep: its length says whose it is.
func (s *side) sleeping(seconds string) int {
	return s.count(s, "select count(*) from pg_stat_activity where state = 'active' and query = $1 and datname = current_database()",
		sleep(seconds))
}

func sleep(seconds string) string { return "select pg_sleep(" + seconds + ")" }

func oneConn(c *pgxpool.Config) { c.MaxConns = 1 }

func parityCases() []parityCase {
	return slices.Concat(contextCases(), statementCases(), batchCases(), txCases(), copyCases(), connCases(),
		poolCases(), lifeCases(), configCases())
}

// contextCases are about contexts that end, and pools that have no connection to give.
func contextCases() []parityCase {
	return []parityCase{
		{name: "ok", run: func(ctx context.Context, s *side) {
			s.eachCall(ctx)
			s.atRest()
		}, want: []string{"Ping: no error", "at rest: 1"}},
		{name: "cancelled before", run: func(ctx context.Context, s *side) {
			s.must(s.pool.Ping(ctx))
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			s.eachCall(ctx)
			s.say("idle", len(release(s.pool.AcquireAllIdle(ctx))))
			s.atRest()
		}, want: []string{"Ping: *errors.errorString \"context canceled\"", "idle: 1"}},
		{name: "deadline before", run: func(ctx context.Context, s *side) {
			ctx, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
			defer cancel()
			s.eachCall(ctx)
		}, want: []string{"context deadline exceeded"}},
		{name: "exhausted pool of one", config: oneConn, run: exhausted,
			want: []string{"Exec: context.deadlineExceededError", "idle: 0", "acquired: 1 of 1"}},
		{name: "cancelled while waiting", config: oneConn, run: cancelledWaiting, want: []string{"context canceled"}},
		{name: "second acquire waits", config: oneConn, run: secondWaits, want: []string{"waited: true", "got: no error"}},
		{name: "cancelled during query", run: func(ctx context.Context, s *side) {
			s.interrupt(ctx, "61", func(ctx context.Context) error {
				_, err := s.pool.Exec(ctx, sleep("61"))
				return err
			})
			s.atRest()
			s.say("after", s.pool.Ping(ctx))
		}, want: []string{"interrupted:", "context canceled", "after: no error"}},
		{name: "deadline during query", run: func(ctx context.Context, s *side) {
			s.must(s.pool.Ping(ctx)) // so that no time goes into connecting
			short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
			defer cancel()
			var n int
			s.say("query", s.pool.QueryRow(short, sleep("62")).Scan(&n))
			s.gone("62")
			s.say("after", s.pool.Ping(ctx))
		}, want: []string{"timeout: context deadline exceeded", "timeout=true"}},
		{name: "cancelled during query of an exhausted pool", config: oneConn, run: func(ctx context.Context, s *side) {
			s.interrupt(ctx, "63", func(ctx context.Context) error {
				_, err := s.pool.Exec(ctx, sleep("63"))
				return err
			})
			s.say("after", s.pool.Ping(ctx))
		}, want: []string{"interrupted:", "after: no error"}},
		{name: "query cancelled by request", config: func(c *pgxpool.Config) {
			c.MaxConns = 1
			c.ConnConfig.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
				return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: patience}
			}
		}, run: cancelRequest, want: []string{"57014", "same connection: true"}},
		{name: "cancelled in a transaction", run: func(ctx context.Context, s *side) {
			tx, err := s.pool.Begin(ctx)
			s.must(err)
			s.interrupt(ctx, "64", func(ctx context.Context) error {
				_, err := tx.Exec(ctx, sleep("64"))
				return err
			})
			s.say("commit", tx.Commit(ctx))
			s.atRest()
		}, want: []string{"commit:", "at rest: 0"}},
	}
}

// interrupt cancels a statement once the server works on it, and waits until the server has stopped.
func (s *side) interrupt(ctx context.Context, seconds string, statement func(context.Context) error) {
	s.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	result := make(chan error, 1)
	go func() { result <- statement(ctx) }()
	envtest.Eventually(s, patience, func() bool { return s.sleeping(seconds) == 1 }, "the server sleeps")
	cancel()
	s.say("interrupted", <-result)
	s.gone(seconds)
}

// gone waits until the server works on the sleep no more.
func (s *side) gone(seconds string) {
	s.Helper()
	envtest.Eventually(s, patience, func() bool { return s.sleeping(seconds) == 0 }, "the server has stopped sleeping")
}

func exhausted(ctx context.Context, s *side) {
	s.hold(ctx)
	before := s.pool.Stat()
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		short, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		s.say(name, calls[name](short, s))
		cancel()
	}
	s.say("idle", len(s.pool.AcquireAllIdle(ctx)))
	after := s.pool.Stat()
	if mode == managedpool.InPlace { // else callers do not wait in pgxpool
		s.say("empty acquires", after.EmptyAcquireCount()-before.EmptyAcquireCount())
		s.say("cancelled", after.CanceledAcquireCount()-before.CanceledAcquireCount())
	}
	s.say("acquired", after.AcquiredConns(), "of", after.MaxConns())
}

func cancelledWaiting(ctx context.Context, s *side) {
	s.hold(ctx)
	short, cancel := context.WithCancel(ctx)
	result := make(chan error, 1)
	go func() { result <- calls["Acquire"](short, s) }()
	cancel()
	s.say("acquire", <-result)
}

func secondWaits(ctx context.Context, s *side) {
	first, err := s.pool.Acquire(ctx)
	s.must(err)
	began := s.pool.Stat().EmptyAcquireCount()
	result := make(chan error, 1)
	go func() { result <- calls["Acquire"](ctx, s) }()
	select {
	case <-result:
		s.say("waited", false)
	case <-time.After(20 * time.Millisecond):
		s.say("waited", true)
	}
	first.Release()
	s.say("got", <-result)
	if mode == managedpool.InPlace {
		s.say("empty acquires", s.pool.Stat().EmptyAcquireCount()-began)
	}
}

// cancelRequest: the server is asked to stop, over a connection of its own, and the pool's connection lives on.
func cancelRequest(ctx context.Context, s *side) {
	c, err := s.pool.Acquire(ctx)
	s.must(err)
	defer c.Release()
	pid := c.Conn().PgConn().PID()
	s.interrupt(ctx, "65", func(ctx context.Context) error {
		_, err := c.Exec(ctx, sleep("65"))
		return err
	})
	var after uint32
	s.say("after", c.QueryRow(ctx, "select pg_backend_pid()").Scan(&after))
	s.say("same connection", after == pid)
}

func release(conns []*pgxpool.Conn) []*pgxpool.Conn {
	for _, c := range conns {
		c.Release()
	}
	return conns
}

// statementCases are about Exec, Query and QueryRow.
func statementCases() []parityCase {
	return []parityCase{
		{name: "exec", run: func(ctx context.Context, s *side) {
			s.exec(ctx, "insert into {t} values ($1, $2), (2, 'b')", 1, "a")
			s.exec(ctx, "update {t} set s = 'c'")
			s.exec(ctx, "create temp table x (); drop table x")
			s.exec(ctx, "")
			s.rows(ctx)
		}, want: []string{"INSERT 0 2", "UPDATE 2", "[c c]"}},
		{name: "failing statements", run: func(ctx context.Context, s *side) {
			s.exec(ctx, "selec 1")
			s.exec(ctx, "select 1/0")
			s.exec(ctx, "insert into {t} values (1, null)")
			s.exec(ctx, "insert into {t} values (1, 'a'), (1, 'b')")
			s.exec(ctx, "select * from no_such_table")
			s.exec(ctx, "select $1::int", "not a number")
			s.exec(ctx, "select $1::int", 1, 2)
			s.exec(ctx, "select 'x'::int")
			s.exec(ctx, "do $$ begin raise exception 'own' using detail = 'd', hint = 'h'; end $$")
			s.atRest()
		}, want: []string{"42601", "22012", "23502", "23505", "42P01", "22P02", "P0001", "at rest: 1"}},
		{name: "query", run: func(ctx context.Context, s *side) {
			rows, err := s.pool.Query(ctx, "select n, n * 2 as double from generate_series(1, $1) n", 3)
			s.say("query", err)
			for rows.Next() {
				values, err := rows.Values()
				s.say("values", values, err)
				s.say("raw", len(rows.RawValues()), rows.Conn() != nil)
			}
			s.say("fields", rows.FieldDescriptions()[1].Name, rows.CommandTag(), rows.Err())
			s.atRest()
		}, want: []string{"values: [3 6]", "SELECT 3", "at rest: 1"}},
		{name: "query closed early", run: func(ctx context.Context, s *side) {
			rows, err := s.pool.Query(ctx, "select n from generate_series(1, 1000) n")
			s.must(err)
			s.say("next", rows.Next())
			rows.Close()
			rows.Close()
			s.say("closed", rows.Next(), rows.Err(), rows.CommandTag())
			s.atRest()
		}, want: []string{"next: true", "at rest: 1"}},
		{name: "query fails late", run: func(ctx context.Context, s *side) {
			rows, err := s.pool.Query(ctx, "select 10 / (5 - n) from generate_series(1, 9) n")
			s.say("query", err)
			all, err := pgx.CollectRows(rows, pgx.RowTo[int])
			s.say("rows", all, err)
			s.atRest()
		}, want: []string{"query: no error", "22012", "at rest: 1"}},
		{name: "scan errors", run: func(ctx context.Context, s *side) {
			var n int
			var text string
			s.say("none", s.pool.QueryRow(ctx, s.sql("select n from {t}")).Scan(&n))
			s.say("kind", s.pool.QueryRow(ctx, "select 'word'").Scan(&n))
			s.say("null", s.pool.QueryRow(ctx, "select null::text").Scan(&text))
			s.say("count", s.pool.QueryRow(ctx, "select 1, 2").Scan(&n))
			s.say("more", s.pool.QueryRow(ctx, "select n from generate_series(7, 9) n").Scan(&n), n)
			s.say("failing", s.pool.QueryRow(ctx, "select 1/0").Scan(&n))
			rows, _ := s.pool.Query(ctx, "select 'word'")
			s.say("row", rows.Next(), rows.Scan(&n), rows.Next(), rows.Err())
			s.atRest()
		}, want: []string{"no rows in result set", "cannot scan", "at rest: 1"}},
		{name: "panic in scan", run: func(ctx context.Context, s *side) {
			s.say("row", caught(func() { s.pool.QueryRow(ctx, "select 1").Scan(panicking{}) }))
			s.atRest()
		}, want: []string{"row: caught in a scan"}},
		{name: "rewriter", run: func(ctx context.Context, s *side) {
			var n int
			s.say("named", s.pool.QueryRow(ctx, "select @a::int + @b::int", pgx.NamedArgs{"a": 1, "b": 2}).Scan(&n), n)
			s.say("mode", s.pool.QueryRow(ctx, "select $1::int", pgx.QueryExecModeSimpleProtocol, 4).Scan(&n), n)
		}, want: []string{"named: no error 3"}},
	}
}

// panicking is a destination whose Scan panics.
type panicking struct{}

func (panicking) Scan(any) error { panic("in a scan") }

// caught runs f and returns what it panicked with.
func caught(f func()) (what string) {
	defer func() {
		if r := recover(); r != nil {
			what = fmt.Sprint("caught ", r)
		}
	}()
	f()
	return "no panic"
}

// batchCases are about SendBatch.
func batchCases() []parityCase {
	return []parityCase{
		{name: "batch", run: func(ctx context.Context, s *side) {
			b := &pgx.Batch{}
			b.Queue(s.sql("insert into {t} values (1, 'a')"))
			b.Queue("select 41 + $1::int", 1)
			b.Queue("select n from generate_series(1, 2) n")
			results := s.pool.SendBatch(ctx, b)
			tag, err := results.Exec()
			s.say("exec", tag, err)
			var n int
			s.say("row", results.QueryRow().Scan(&n), n)
			rows, err := results.Query()
			all, err2 := pgx.CollectRows(rows, pgx.RowTo[int])
			s.say("rows", all, err, err2)
			_, err = results.Exec()
			s.say("no more", err, results.Tx())
			s.say("close", results.Close(), results.Close())
			s.atRest()
		}, want: []string{"row: no error 42", "rows: [1 2]", "no more results in batch", "at rest: 1"}},
		{name: "batch callbacks", run: func(ctx context.Context, s *side) {
			b := &pgx.Batch{}
			b.Queue("select 7").QueryRow(func(row pgx.Row) error {
				var n int
				err := row.Scan(&n)
				s.say("row", n, err)
				return err
			})
			b.Queue("select 1").Exec(func(pgconn.CommandTag) error { return errCase })
			b.Queue("select 1").Exec(func(pgconn.CommandTag) error { s.say("not reached"); return nil })
			s.say("close", s.pool.SendBatch(ctx, b).Close())
			s.say("empty", s.pool.SendBatch(ctx, &pgx.Batch{}).Close())
			s.atRest()
		}, want: []string{"row: 7", "the case's own", "empty: no error", "at rest: 1"}},
		{name: "batch with a failing item", run: func(ctx context.Context, s *side) {
			b := &pgx.Batch{}
			b.Queue(s.sql("insert into {t} values (1, 'a')"))
			b.Queue("select 1/0")
			b.Queue(s.sql("insert into {t} values (2, 'b')"))
			results := s.pool.SendBatch(ctx, b)
			_, err := results.Exec()
			_, err2 := results.Exec()
			_, err3 := results.Exec()
			s.say("items", err, err2, err3)
			s.say("close", results.Close())
			s.rows(ctx)
			s.atRest()
		}, want: []string{"22012", "rows: []", "at rest: 1"}},
		{name: "batch begins a transaction", run: func(ctx context.Context, s *side) {
			for _, end := range []string{"commit", "rollback"} {
				b := &pgx.Batch{}
				b.BeginTx(pgx.TxOptions{})
				b.Queue(s.sql("insert into {t} values ($1, 'a')"), len(end))
				results := s.pool.SendBatch(ctx, b)
				s.say("close", results.Close(), typeOf(results.Tx()))
				s.say("held", s.pool.Stat().AcquiredConns())
				s.say(end, map[string]func(context.Context) error{
					"commit": results.Tx().Commit, "rollback": results.Tx().Rollback,
				}[end](ctx))
				s.say("again", results.Tx().Commit(ctx))
			}
			s.rows(ctx)
			s.atRest()
		}, want: []string{"held: 1", "commit: no error", "tx is closed", "rows: [a]"}},
	}
}

// txCases are about Begin and BeginTx.
func txCases() []parityCase {
	return []parityCase{
		{name: "commit", run: func(ctx context.Context, s *side) {
			tx, err := s.pool.Begin(ctx)
			s.say("begin", typeOf(tx), err)
			tag, err := tx.Exec(ctx, s.sql("insert into {t} values (1, 'a')"))
			s.say("exec", tag, err)
			s.say("commit", tx.Commit(ctx), "again", tx.Commit(ctx), "rollback", tx.Rollback(ctx))
			_, err = tx.Exec(ctx, "select 1")
			s.say("used after", err)
			s.rows(ctx)
			s.atRest()
		}, want: []string{"*pgxpool.Tx", "tx is closed", "rows: [a]", "at rest: 1"}},
		{name: "rollback", run: func(ctx context.Context, s *side) {
			tx, err := s.pool.Begin(ctx)
			s.must(err)
			_, err = tx.Exec(ctx, s.sql("insert into {t} values (1, 'a')"))
			s.say("exec", err)
			s.say("rollback", tx.Rollback(ctx), tx.Rollback(ctx), tx.Commit(ctx))
			s.rows(ctx)
			s.atRest()
		}, want: []string{"rows: []"}},
		{name: "failed transaction", run: func(ctx context.Context, s *side) {
			tx, err := s.pool.Begin(ctx)
			s.must(err)
			_, err = tx.Exec(ctx, "select 1/0")
			s.say("exec", err)
			_, err = tx.Exec(ctx, "select 1")
			s.say("exec", err)
			s.say("commit", tx.Commit(ctx))
			s.atRest()
		}, want: []string{"25P02", "commit unexpectedly resulted in rollback"}},
		{name: "options", run: func(ctx context.Context, s *side) {
			for _, o := range []pgx.TxOptions{
				{IsoLevel: pgx.Serializable}, {IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
				{IsoLevel: pgx.Serializable, AccessMode: pgx.ReadOnly, DeferrableMode: pgx.Deferrable},
				{BeginQuery: "begin read only"}, {CommitQuery: "commit and no chain"}, {BeginQuery: "beginn"},
			} {
				s.withOptions(ctx, o)
			}
			s.atRest()
		}, want: []string{"serializable", "25006", "42601", "at rest: 1"}},
		{name: "savepoints", run: func(ctx context.Context, s *side) {
			s.say("outer", pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
				s.say("kept", pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, s.sql("insert into {t} values (1, 'kept')"))
					return err
				}))
				s.say("undone", pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
					_, err := tx.Exec(ctx, s.sql("insert into {t} values (1, 'twice')"))
					return err
				}))
				return nil
			}))
			s.rows(ctx)
		}, want: []string{"23505", "rows: [kept]"}},
		{name: "methods of a transaction", run: txMethods, want: []string{"row: no error 1", "large object: no error", "copied: 1"}},
		{name: "connection returned inside a transaction", run: func(ctx context.Context, s *side) {
			c, err := s.pool.Acquire(ctx)
			s.must(err)
			_, err = c.Exec(ctx, "begin")
			s.must(err)
			c.Release()
			s.atRest()
		}, want: []string{"at rest: 0"}},
	}
}

func (s *side) withOptions(ctx context.Context, o pgx.TxOptions) {
	tx, err := s.pool.BeginTx(ctx, o)
	if err != nil {
		s.say("begin", err)
		return
	}
	var level, readOnly, deferrable string
	s.say("settings", tx.QueryRow(ctx, `select current_setting('transaction_isolation'),
		current_setting('transaction_read_only'), current_setting('transaction_deferrable')`).
		Scan(&level, &readOnly, &deferrable), level, readOnly, deferrable)
	_, err = tx.Exec(ctx, s.sql("delete from {t}"))
	s.say("write", err)
	s.say("commit", tx.Commit(ctx))
}

func txMethods(ctx context.Context, s *side) {
	tx, err := s.pool.Begin(ctx)
	s.must(err)
	defer tx.Rollback(ctx)
	description, err := tx.Prepare(ctx, "one", "select $1::int")
	s.say("prepare", description.Name, description.ParamOIDs, err)
	var n int
	s.say("row", tx.QueryRow(ctx, "one", 1).Scan(&n), n)
	b := &pgx.Batch{}
	b.Queue("one", 2)
	s.say("batch", tx.SendBatch(ctx, b).Close())
	objects := tx.LargeObjects()
	_, err = objects.Create(ctx, 0)
	s.say("large object", err)
	copied, err := tx.CopyFrom(ctx, s.identifier(), []string{"n", "s"}, pgx.CopyFromRows([][]any{{1, "a"}}))
	s.say("copied", copied, err)
	s.say("conn", tx.Conn().PgConn().TxStatus())
}

// copyCases are about CopyFrom.
func copyCases() []parityCase {
	return []parityCase{
		{name: "copy", run: func(ctx context.Context, s *side) {
			n, err := s.copyIn(ctx, pgx.CopyFromRows([][]any{{1, "a"}, {2, "b"}}))
			s.say("copied", n, err)
			s.rows(ctx)
		}, want: []string{"copied: 2 no error", "[a b]"}},
		{name: "failing copies", run: func(ctx context.Context, s *side) {
			n, err := s.copyIn(ctx, pgx.CopyFromRows([][]any{{1, "a"}, {1, "b"}}))
			s.say("twice", n, err)
			n, err = s.copyIn(ctx, pgx.CopyFromRows([][]any{{"word", "a"}}))
			s.say("kind", n, err)
			left := 2
			n, err = s.copyIn(ctx, pgx.CopyFromFunc(func() ([]any, error) {
				if left--; left < 0 {
					return nil, errCase
				}
				return []any{left, "a"}, nil
			}))
			s.say("source", n, err)
			n, err = s.pool.CopyFrom(ctx, pgx.Identifier{"no_such_table"}, []string{"n"}, pgx.CopyFromRows(nil))
			s.say("table", n, err)
			s.rows(ctx)
			s.atRest()
		}, want: []string{"23505", "the case's own", "42P01", "rows: []", "at rest: 1"}},
	}
}

// connCases are about connections that callers have to themselves.
func connCases() []parityCase {
	return []parityCase{
		{name: "released twice", run: func(ctx context.Context, s *side) {
			c, err := s.pool.Acquire(ctx)
			s.must(err)
			c.Release()
			c.Release()
			s.say("hijack", caught(func() { c.Hijack() }))
			s.atRest()
		}, want: []string{"caught cannot hijack already released", "at rest: 1"}},
		{name: "closed connection", run: func(ctx context.Context, s *side) {
			c, err := s.pool.Acquire(ctx)
			s.must(err)
			s.say("close", c.Conn().Close(ctx))
			_, err = c.Exec(ctx, "select 1")
			s.say("exec", err)
			c.Release()
			s.atRest()
			s.say("after", s.pool.Ping(ctx))
		}, want: []string{"conn closed", "at rest: 0", "after: no error"}},
		{name: "busy connection", run: func(ctx context.Context, s *side) {
			c, err := s.pool.Acquire(ctx)
			s.must(err)
			rows, err := c.Query(ctx, "select n from generate_series(1, 10) n")
			s.must(err)
			_, err = c.Exec(ctx, "select 1")
			s.say("exec", err)
			c.Release()
			s.say("rows", rows.Next())
			s.atRest()
		}, want: []string{"conn busy", "at rest: 0"}},
		{name: "hijacked", run: func(ctx context.Context, s *side) {
			c, err := s.pool.Acquire(ctx)
			s.must(err)
			conn := c.Hijack()
			s.say("pool", s.pool.Stat().TotalConns())
			s.say("again", caught(func() { c.Hijack() }))
			c.Release()
			var n int
			s.say("row", conn.QueryRow(ctx, "select 1").Scan(&n), n)
			s.say("pool", s.pool.Ping(ctx), s.pool.Stat().TotalConns())
			s.say("close", conn.Close(ctx))
		}, want: []string{"pool: 0", "row: no error 1"}},
		{name: "AcquireFunc", run: func(ctx context.Context, s *side) {
			s.say("error", s.pool.AcquireFunc(ctx, func(*pgxpool.Conn) error { return errCase }))
			s.say("panic", caught(func() { s.pool.AcquireFunc(ctx, func(*pgxpool.Conn) error { panic("own") }) }))
			s.atRest()
		}, want: []string{"the case's own", "caught own", "at rest: 1"}},
		{name: "AcquireAllIdle", run: func(ctx context.Context, s *side) {
			conns := []*pgxpool.Conn{s.hold(ctx), s.hold(ctx), s.hold(ctx)}
			s.say("none", len(s.pool.AcquireAllIdle(ctx)))
			release(conns[1:])
			idle := s.pool.AcquireAllIdle(ctx)
			s.say("some", len(idle), s.pool.Stat().AcquiredConns())
			release(idle)
			release(conns)
			s.atRest()
		}, want: []string{"none: 0", "some: 2 3", "at rest: 3"}},
		{name: "connection's own methods", run: connMethods,
			want: []string{"nested: no error", "copied: 1 no error"}},
		{name: "notifications", run: notifications, want: []string{"got: TABLE hello", "waited:", "deadline exceeded"}},
		{name: "notification handler", config: func(c *pgxpool.Config) {
			c.ConnConfig.OnNotification = func(conn *pgconn.PgConn, n *pgconn.Notification) {
				conn.CustomData()["heard"] = n.Payload
			}
		}, run: func(ctx context.Context, s *side) {
			c := s.hold(ctx)
			channel := s.identifier()[1]
			_, err := c.Exec(ctx, "listen "+channel+"; notify "+channel+", 'hello'")
			s.say("listen", err, c.Conn().PgConn().CustomData()["heard"])
		}, want: []string{"no error hello"}},
		{name: "prepared statements", run: preparedStatements,
			want: []string{"cached: 3", "cached plan must not change"}},
		{name: "describing a connection", run: describeConn,
			want: []string{"server_encoding UTF8", "tls: 127.0.0.1", "own password: true", "raw: true"}},
		{name: "connecting with a connection's own configuration", run: func(ctx context.Context, s *side) {
			conn, err := pgx.ConnectConfig(ctx, s.hold(ctx).Conn().Config())
			s.must(err)
			var user string
			s.say("user", conn.QueryRow(ctx, "select current_user").Scan(&user), user == s.login.User)
			s.say("close", conn.Close(ctx))
		}, want: []string{"user: no error true"}},
	}
}

func connMethods(ctx context.Context, s *side) {
	c := s.hold(ctx)
	tag, err := c.Exec(ctx, s.sql("insert into {t} values (1, 'a')"))
	s.say("exec", tag, err)
	rows, err := c.Query(ctx, s.sql("select n from {t}"))
	all, err2 := pgx.CollectRows(rows, pgx.RowTo[int])
	s.say("query", all, err, err2)
	b := &pgx.Batch{}
	b.Queue("select 1/0")
	s.say("batch", c.SendBatch(ctx, b).Close())
	s.say("nested", pgx.BeginTxFunc(ctx, c, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(pgx.Tx) error { return nil }))
	s.say("ping", c.Ping(ctx))
	n, err := c.CopyFrom(ctx, s.identifier(), []string{"n", "s"}, pgx.CopyFromRows([][]any{{2, "b"}}))
	s.say("copied", n, err)
	other, err := c.Begin(ctx)
	s.say("begin", typeOf(other), err)
	s.say("rollback", other.Rollback(ctx))
}

func notifications(ctx context.Context, s *side) {
	c := s.hold(ctx)
	channel := s.identifier()[1]
	_, err := c.Exec(ctx, "listen "+channel)
	s.say("listen", err)
	s.exec(ctx, "notify "+channel+", 'hello'")
	n, err := c.Conn().WaitForNotification(ctx)
	s.must(err)
	s.say("got", n.Channel, n.Payload)
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_, err = c.Conn().WaitForNotification(short)
	s.say("waited", err)
	_, err = c.Exec(ctx, "select 1") // a wait that ran out has not harmed the connection
	s.say("after", err)
}

func preparedStatements(ctx context.Context, s *side) {
	c := s.hold(ctx)
	description, err := c.Conn().Prepare(ctx, "double", "select $1::int * 2")
	s.say("prepare", description.SQL, description.ParamOIDs, len(description.Fields), err)
	var n int
	s.say("row", c.QueryRow(ctx, "double", 21).Scan(&n), n)
	for range 2 {
		s.must(c.QueryRow(ctx, s.sql("select count(*) from {t}")).Scan(&n))
		s.must(c.QueryRow(ctx, "select count(*) from pg_prepared_statements").Scan(&n))
		s.say("cached", n)
	}
	star := func() error {
		rows, _ := c.Query(ctx, s.sql("select * from {t}"))
		_, err := pgx.CollectRows(rows, pgx.RowToMap)
		return err
	}
	s.say("star", star())
	s.do(s, s.sql("alter table {t} add column more int"))
	s.say("changed", star(), "after", star())
	s.say("deallocate", c.Conn().DeallocateAll(ctx))
	_, err = c.Exec(ctx, "double", 1)
	s.say("gone", err)
}

func describeConn(ctx context.Context, s *side) {
	conn := s.hold(ctx).Conn()
	for _, name := range []string{
		"server_version", "server_encoding", "client_encoding", "is_superuser", "session_authorization", "DateStyle",
		"IntervalStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "application_name", "nothing",
	} {
		s.say("parameter", name, conn.PgConn().ParameterStatus(name))
	}
	var pid uint32
	s.say("pid", conn.QueryRow(ctx, "select pg_backend_pid()").Scan(&pid), pid == conn.PgConn().PID())
	c := conn.Config()
	s.say("config", c.Host, c.Port, c.Database, c.RuntimeParams, c.ConnectTimeout, len(c.Fallbacks), c.RequireAuth,
		c.ChannelBinding, c.SSLCertMode, c.SSLNegotiation, c.DefaultQueryExecMode, c.StatementCacheCapacity)
	s.say("hooks", c.DialFunc != nil, c.LookupFunc != nil, c.BuildFrontend != nil, c.OnNotice != nil, c.OnNotification != nil,
		c.OnPgError != nil, c.AfterConnect != nil, c.AfterNetConnect != nil, c.ValidateConnect != nil, c.Tracer != nil)
	s.say("tls", c.TLSConfig.ServerName, c.TLSConfig.InsecureSkipVerify, c.TLSConfig.RootCAs != nil)
	s.say("own user", c.User == s.login.User)
	s.say("own password", c.Password == s.login.Password)
	s.say("socket", fmt.Sprintf("%T", conn.PgConn().Conn()))
	s.say("raw", conn.PgConn().Conn().RemoteAddr().String() == fmt.Sprintf("%s:%d", c.Host, c.Port))
	s.say("state", conn.PgConn().TxStatus(), conn.PgConn().IsBusy(), conn.IsClosed())
}

// poolCases are about the pool as a whole.
func poolCases() []parityCase {
	return []parityCase{
		{name: "closed pool", run: func(ctx context.Context, s *side) {
			s.must(s.pool.Ping(ctx))
			s.pool.Close()
			for _, name := range slices.Sorted(maps.Keys(calls)) {
				s.sayClosed(name, calls[name](ctx, s))
			}
			s.say("idle", len(s.pool.AcquireAllIdle(ctx)))
			s.say("reset", caught(s.pool.Reset))
			s.say("close", caught(s.pool.Close))
			stat := s.pool.Stat()
			s.say("stat", stat.TotalConns(), stat.AcquiredConns(), stat.IdleConns(), stat.MaxConns())
			s.say("config", s.pool.Config().MaxConns)
		}, want: []string{"Acquire: true true", "reset: no panic", "close: no panic"}},
		{name: "close waits", run: closeWaits, want: []string{"meanwhile: true true", "held: no error"}},
		{name: "reset", run: func(ctx context.Context, s *side) {
			held := s.hold(ctx)
			release([]*pgxpool.Conn{s.hold(ctx)})
			pid := held.Conn().PgConn().PID()
			s.pool.Reset()
			s.say("held", held.Ping(ctx))
			held.Release()
			s.atRest()
			s.must(s.pool.Ping(ctx))
			s.say("another", s.hold(ctx).Conn().PgConn().PID() != pid)
		}, want: []string{"held: no error", "at rest: 0", "another: true"}},
		{name: "statistics", config: func(c *pgxpool.Config) { c.MaxConns = 4 }, run: statistics, want: []string{"acquired: 6", "new: 3", "max: 4"}},
		{name: "killed sessions", config: func(c *pgxpool.Config) {
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		}, run: func(ctx context.Context, s *side) {
			conns := []*pgxpool.Conn{s.hold(ctx), s.hold(ctx)}
			for _, c := range conns {
				s.count(s, "select pg_terminate_backend($1, 10000)::int", c.Conn().PgConn().PID())
			}
			_, err := conns[0].Exec(ctx, "select 1")
			s.say("held", err != nil, conns[0].Conn().IsClosed())
			release(conns)
			s.say("after", s.pool.Ping(ctx))
		}, want: []string{"held: true true", "after: no error"}},
		{name: "connecting takes too long", config: dialUnlessBlocked, run: slowToConnect,
			want: []string{"own deadline:", "connect timeout:", "after: 0 no error"}},
		{name: "cancelled while connecting", config: dialUnlessBlocked, run: cancelledConnecting,
			want: []string{"context canceled", "idle: 1"}},
		{name: "closed while connecting", config: dialUnlessBlocked, run: closedConnecting, want: []string{"closed: no panic"}},
		{name: "several hosts", config: func(c *pgxpool.Config) {
			main := &c.ConnConfig.Config
			main.Fallbacks = []*pgconn.FallbackConfig{{Host: main.Host, Port: main.Port, TLSConfig: main.TLSConfig}}
			main.Port = 1 // nobody is there
			main.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
		}, run: secondHost, want: []string{"reached: true", "57014"}},
		{name: "server out of reach", config: dialUnlessBlocked, run: outOfReach, want: []string{"Begin: true", "127.0.0.1 true", "after: no error"}},
	}
}

// sayClosed notes that an error is pgxpool's own for a closed pool. A Pool's also is ErrClosed, which can be told
// without importing puddle; where pgxpool keeps the error for later, in a row or a batch's results, it stays as it is.
func (s *side) sayClosed(what string, err error) {
	s.Helper()
	s.say(what, errors.Is(err, puddle.ErrClosedPool), strings.HasPrefix(fmt.Sprint(err), "closed pool"))
	_, managed := s.pool.(*managedpool.Pool)
	if kept := what == "QueryRow" || what == "SendBatch"; managed && !kept && !errors.Is(err, managedpool.ErrClosed) {
		s.Errorf("%s: %v is not ErrClosed", what, err)
	}
}

func closeWaits(ctx context.Context, s *side) {
	c := s.hold(ctx)
	release([]*pgxpool.Conn{s.hold(ctx)})
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.pool.Close()
	}()
	envtest.Eventually(s, patience, func() bool { return s.pool.Stat().TotalConns() == 1 }, "the idle connection is closed")
	s.sayClosed("meanwhile", s.pool.Ping(ctx))
	s.say("held", c.Ping(ctx))
	select {
	case <-closed:
		s.say("closed too early")
	default:
	}
	c.Release()
	<-closed
}

// statistics compares what the numbers become by the same operations. Where they begin differs: a new Pool has
// made one connection, the one on which the credential was verified.
func statistics(ctx context.Context, s *side) {
	s.must(s.pool.Ping(ctx))
	s.atRest()
	before := s.pool.Stat()
	release([]*pgxpool.Conn{s.hold(ctx), s.hold(ctx), s.hold(ctx), s.hold(ctx)})
	s.must(s.pool.Ping(ctx))
	s.hold(ctx)
	after := s.pool.Stat()
	s.say("acquired", after.AcquireCount()-before.AcquireCount(), "now", after.AcquiredConns())
	s.say("new", after.NewConnsCount()-before.NewConnsCount())
	s.say("max", after.MaxConns(), "total", after.TotalConns(), "idle", after.IdleConns())
	s.say("empty", after.EmptyAcquireCount()-before.EmptyAcquireCount(), after.CanceledAcquireCount()-before.CanceledAcquireCount())
	s.say("waited", after.EmptyAcquireWaitTime() > before.EmptyAcquireWaitTime(), after.AcquireDuration() > before.AcquireDuration())
	s.say("destroyed", after.MaxLifetimeDestroyCount(), after.MaxIdleDestroyCount(), after.ConstructingConns())
}

// lifeCases are about connections that come and go by themselves.
func lifeCases() []parityCase {
	quick := func(change func(*pgxpool.Config)) func(*pgxpool.Config) {
		return func(c *pgxpool.Config) {
			c.HealthCheckPeriod = 20 * time.Millisecond
			change(c)
		}
	}
	return []parityCase{
		{name: "MinConns", config: quick(func(c *pgxpool.Config) { c.MinConns = 2 }), run: func(ctx context.Context, s *side) {
			s.idleBecomes(2)
			s.pool.Reset()
			s.idleBecomes(2)
		}, want: []string{"idle: 2"}},
		{name: "MinIdleConns", config: quick(func(c *pgxpool.Config) { c.MinIdleConns = 2 }), run: func(ctx context.Context, s *side) {
			s.idleBecomes(2)
			s.hold(ctx)
			s.idleBecomes(2)
			s.say("total", s.pool.Stat().TotalConns())
		}, want: []string{"total: 3"}},
		{name: "MaxConnLifetime", config: quick(func(c *pgxpool.Config) { c.MaxConnLifetime = 30 * time.Millisecond }),
			run: func(ctx context.Context, s *side) {
				c := s.hold(ctx)
				s.say("held", c.Ping(ctx))
				c.Release()
				s.comesTrue("destroyed", func() bool { return s.pool.Stat().MaxLifetimeDestroyCount() > 0 })
				s.idleBecomes(0)
				s.say("after", s.pool.Ping(ctx))
			}, want: []string{"destroyed: true", "idle: 0"}},
		{name: "MaxConnIdleTime", config: quick(func(c *pgxpool.Config) { c.MaxConnIdleTime = 30 * time.Millisecond }),
			run: func(ctx context.Context, s *side) {
				s.must(s.pool.Ping(ctx))
				s.comesTrue("destroyed", func() bool { return s.pool.Stat().MaxIdleDestroyCount() > 0 })
				s.idleBecomes(0)
			}, want: []string{"destroyed: true", "idle: 0"}},
	}
}

// comesTrue waits for a condition.
func (s *side) comesTrue(what string, condition func() bool) {
	s.Helper()
	envtest.Eventually(s, patience, condition, what)
	s.say(what, true)
}

// idleBecomes waits until there are n idle connections and nothing is under way.
func (s *side) idleBecomes(n int32) {
	s.Helper()
	envtest.Eventually(s, patience, func() bool {
		stat := s.pool.Stat()
		return stat.IdleConns() == n && stat.ConstructingConns() == 0
	}, "there are ", n, " idle connections")
	s.say("idle", n)
}

// configCases are about settings of connections.
func configCases() []parityCase {
	cases := []parityCase{
		{name: "Config", config: func(c *pgxpool.Config) {
			c.MaxConns, c.MinConns, c.MaxConnLifetime, c.PingTimeout = 3, 0, time.Minute, time.Second
			c.MaxConnLifetimeJitter, c.MaxConnIdleTime, c.HealthCheckPeriod = time.Second, time.Hour, time.Hour
			c.ConnConfig.RuntimeParams["application_name"] = "parity"
		}, run: poolConfig, want: []string{"equal: true", "copy: true", "application_name: parity"}},
		{name: "custom types", config: func(c *pgxpool.Config) {
			c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
				t, err := conn.LoadType(ctx, "app.mood")
				if err != nil {
					return err
				}
				conn.TypeMap().RegisterType(t)
				return nil
			}
		}, run: func(ctx context.Context, s *side) {
			var mood string
			s.say("one", s.pool.QueryRow(ctx, "select 'good'::app.mood").Scan(&mood), mood)
			var moods []any
			rows, _ := s.pool.Query(ctx, "select 'bad'::app.mood")
			for rows.Next() {
				values, err := rows.Values()
				s.must(err)
				moods = append(moods, values...)
			}
			s.say("values", moods)
		}, want: []string{"one: no error good", "values: [bad]"}},
		{name: "session set up by AfterConnect", config: func(c *pgxpool.Config) {
			c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
				_, err := conn.Exec(ctx, "set timezone = 'Asia/Tokyo'; create temp table mine (n int); prepare kept as select 1")
				return err
			}
		}, run: func(ctx context.Context, s *side) {
			for range 2 {
				c := s.hold(ctx)
				s.say("zone", c.Conn().PgConn().ParameterStatus("TimeZone"))
				_, err := c.Exec(ctx, "insert into mine values (1)")
				s.say("table", err)
			}
		}, want: []string{"zone: Asia/Tokyo", "table: no error"}},
	}
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
		pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
	} {
		cases = append(cases, parityCase{
			name:   "mode " + mode.String(),
			config: func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode },
			run:    execMode, want: []string{"row: no error 3 it's"},
		})
	}
	return cases
}

func poolConfig(ctx context.Context, s *side) {
	config := s.pool.Config()
	s.say("equal", sameConfig(config, s.given))
	config.MaxConns = 99
	config.ConnConfig.RuntimeParams["application_name"] = "changed"
	s.say("copy", sameConfig(s.pool.Config(), s.given))
	s.say("numbers", config.MinConns, config.MaxConnLifetime, config.PingTimeout, config.MaxConnLifetimeJitter,
		config.MaxConnIdleTime, config.HealthCheckPeriod)
	s.say("string", config.ConnString() == s.given.ConnString())
	var name string
	s.must(s.pool.QueryRow(ctx, "select current_setting('application_name')").Scan(&name))
	s.say("application_name", name)
	other, err := pgxpool.NewWithConfig(ctx, s.pool.Config())
	s.must(err)
	other.Close()
}

// sameConfig reports whether a is a copy of b: every field that callers can see is equal, functions included.
func sameConfig(a, b *pgxpool.Config) bool {
	return a != b && a.ConnConfig != b.ConnConfig && a.ConnString() == b.ConnString() &&
		sameFields(reflect.ValueOf(*a), reflect.ValueOf(*b)) &&
		sameFields(reflect.ValueOf(*a.ConnConfig), reflect.ValueOf(*b.ConnConfig)) &&
		sameFields(reflect.ValueOf(a.ConnConfig.Config), reflect.ValueOf(b.ConnConfig.Config))
}

func sameFields(a, b reflect.Value) bool {
	for i := range a.NumField() {
		field := a.Type().Field(i)
		switch {
		case !field.IsExported() || field.Name == "ConnConfig" || field.Name == "Config":
		case field.Type.Kind() == reflect.Func || field.Type == reflect.TypeFor[*tls.Config]():
			if a.Field(i).IsNil() != b.Field(i).IsNil() {
				return false
			}
		case !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()):
			return false
		}
	}
	return true
}

func execMode(ctx context.Context, s *side) {
	for range 2 {
		var n int
		var text string
		s.say("row", s.pool.QueryRow(ctx, "select $1::int + 1, $2::text", 2, "it's").Scan(&n, &text), n, text)
	}
	s.exec(ctx, "insert into {t} values ($1, $2)", 1, `quo'te\`)
	s.exec(ctx, "insert into {t} values ($1, $2)", 1, "again")
	b := &pgx.Batch{}
	b.Queue(s.sql("insert into {t} values ($1, $2)"), 2, "b")
	b.Queue(s.sql("select s from {t} where n = $1"), 2)
	s.say("batch", s.pool.SendBatch(ctx, b).Close())
	s.rows(ctx)
	s.atRest()
}

// blocked is the key of contexts in which no server can be reached: the value is a channel, which says when the
// network knows. A nil channel says so at once, and one that is closed lets pass.
type blocked struct{}

func dialUnlessBlocked(c *pgxpool.Config) {
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		switch gate, ok := ctx.Value(blocked{}).(chan struct{}); {
		case !ok:
		case gate == nil:
			return nil, errCase
		default:
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return dial(ctx, network, address)
	}
}

// empty leaves the pool without a connection.
func (s *side) empty(ctx context.Context) {
	s.Helper()
	s.must(s.pool.Ping(ctx))
	s.pool.Reset()
	s.atRest()
}

// sayConnectError notes what can be told of a failed connect. Its text is not compared: a managed pool logs in
// where pgx dials, and so the address is in it twice.
func (s *side) sayConnectError(what string, err error) {
	var connectErr *pgconn.ConnectError
	if !errors.As(err, &connectErr) {
		s.say(what, err)
		return
	}
	s.say(what, errors.Is(err, errCase), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		pgconn.SafeToRetry(err), pgconn.Timeout(err), connectErr.Config.User == s.login.User, connectErr.Config.Host,
		strings.HasPrefix(err.Error(), "failed to connect to `user="+s.login.User+" database="))
}

func slowToConnect(ctx context.Context, s *side) {
	s.empty(ctx)
	never := context.WithValue(ctx, blocked{}, make(chan struct{}))
	short, cancel := context.WithTimeout(never, 50*time.Millisecond)
	defer cancel()
	s.sayConnectError("own deadline", s.pool.Ping(short))
	s.pool.Close() // ends the connect that goes on in the background

	config := s.given.Copy()
	config.ConnConfig.ConnectTimeout = time.Second // what is not blocked must do it in this time
	other := s.another(config)
	s.sayConnectError("connect timeout", other.Ping(never))
	s.say("after", other.Stat().TotalConns(), other.Ping(ctx))
}

// another makes a second pool of the side's kind, which has no connection.
func (s *side) another(config *pgxpool.Config) pooler {
	s.Helper()
	if _, ok := s.pool.(*pgxpool.Pool); ok {
		return plainPool(s.T, config)
	}
	pool := managedPool(s.T, config, s.login)
	pool.Reset()
	envtest.Eventually(s, patience, func() bool { return pool.Stat().TotalConns() == 0 }, "no connection")
	return pool
}

// cancelledConnecting: the connect goes on without its caller, and the pool gets the connection.
func cancelledConnecting(ctx context.Context, s *side) {
	s.empty(ctx)
	gate := make(chan struct{})
	short, cancel := context.WithCancel(context.WithValue(ctx, blocked{}, gate))
	result := make(chan error, 1)
	go func() { result <- s.pool.Ping(short) }()
	envtest.Eventually(s, patience, func() bool { return s.pool.Stat().ConstructingConns() == 1 }, "a connect has begun")
	cancel()
	s.say("ping", <-result)
	close(gate)
	s.idleBecomes(1)
}

// closedConnecting: a pool that is closed ends the connects that are under way.
func closedConnecting(ctx context.Context, s *side) {
	s.empty(ctx)
	result := make(chan error, 1)
	go func() { result <- s.pool.Ping(context.WithValue(ctx, blocked{}, make(chan struct{}))) }()
	envtest.Eventually(s, patience, func() bool { return s.pool.Stat().ConstructingConns() == 1 }, "a connect has begun")
	s.say("closed", caught(s.pool.Close))
	s.sayConnectError("ping", <-result)
}

func secondHost(ctx context.Context, s *side) {
	c := s.hold(ctx)
	port := c.Conn().PgConn().Conn().RemoteAddr().(*net.TCPAddr).Port
	s.say("reached", port == int(envtest.Postgres(s).Port))
	s.say("config", c.Conn().Config().Port, len(c.Conn().Config().Fallbacks))
	result := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, sleep("66"))
		result <- err
	}()
	envtest.Eventually(s, patience, func() bool { return s.sleeping("66") == 1 }, "the server sleeps")
	s.say("cancel", c.Conn().PgConn().CancelRequest(ctx))
	s.say("cancelled", <-result)
}

func outOfReach(ctx context.Context, s *side) {
	s.empty(ctx)
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		s.sayConnectError(name, calls[name](context.WithValue(ctx, blocked{}, (chan struct{})(nil)), s))
	}
	s.say("after", s.pool.Ping(ctx))
}

// typeOf names the type of a transaction. In Replace mode it cannot be pgxpool's.
func typeOf(tx pgx.Tx) string {
	name := fmt.Sprintf("%T", tx)
	if mode == managedpool.Replace {
		return strings.Replace(name, "managedpool.borrowedTx", "pgxpool.Tx", 1)
	}
	return name
}

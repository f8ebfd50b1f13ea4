package standby_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/standby"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// transports are the ways to a server.
func transports(db *testenv.Database) map[string]string {
	return map[string]string{
		"TLS, verify-full, SCRAM with channel binding": dsn(db, userTLS, "require_auth=scram-sha-256", "channel_binding=require"),
		"without TLS": dsnPlain(db, "sslmode=disable"),
	}
}

// A connection that adopted a session does everything that a connection does.
func TestConnWorks(t *testing.T) {
	db := database(t)
	checks := map[string]func(*testing.T, *pgx.Conn){
		"queries":       checkQueries,
		"prepared":      checkPrepared,
		"batch":         checkBatch,
		"copy":          checkCopy,
		"large results": checkLarge,
		"transactions":  checkTransactions,
		"notifications": checkNotifications,
		"cancellation":  checkCancellation,
		"errors":        checkErrors,
		"pipeline":      checkPipeline,
	}
	for transport, dsn := range transports(db) {
		for name, check := range checks {
			t.Run(transport+"/"+name, func(t *testing.T) { check(t, connect(t, parse(t, dsn))) })
		}
	}
}

func checkQueries(t *testing.T, conn *pgx.Conn) {
	for range 3 {
		if got := ask[int](t, conn, "select $1::int + 1", 41); got != 42 {
			t.Errorf("got %d", got)
		}
	}
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeSimpleProtocol, pgx.QueryExecModeExec, pgx.QueryExecModeCacheDescribe} {
		if got := ask[string](t, conn, "select $1::text", mode, "x"); got != "x" {
			t.Errorf("mode %v: got %q", mode, got)
		}
	}
}

func checkPrepared(t *testing.T, conn *pgx.Conn) {
	if _, err := conn.Prepare(within(t), "twice", "select 2 * $1::int"); err != nil {
		t.Fatal(err)
	}
	if got := ask[int](t, conn, "twice", 21); got != 42 {
		t.Errorf("got %d", got)
	}
	if err := conn.Deallocate(within(t), "twice"); err != nil {
		t.Error(err)
	}
}

func checkBatch(t *testing.T, conn *pgx.Conn) {
	batch := &pgx.Batch{}
	for i := range 100 {
		batch.Queue("select $1::int", i)
	}
	results := conn.SendBatch(within(t), batch)
	for i := range 100 {
		var got int
		if err := results.QueryRow().Scan(&got); err != nil || got != i {
			t.Fatalf("result %d: %d, %v", i, got, err)
		}
	}
	if err := results.Close(); err != nil {
		t.Error(err)
	}
}

func checkCopy(t *testing.T, conn *pgx.Conn) {
	exec(t, conn, "create temp table copied (n int, s text)")
	const rows = 20000
	source := pgx.CopyFromSlice(rows, func(i int) ([]any, error) { return []any{i, "some text"}, nil })
	if n, err := conn.CopyFrom(within(t), pgx.Identifier{"copied"}, []string{"n", "s"}, source); n != rows || err != nil {
		t.Fatalf("copied %d rows in: %v", n, err)
	}
	var out bytes.Buffer
	if _, err := conn.PgConn().CopyTo(within(t), &out, "copy copied to stdout"); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != rows {
		t.Errorf("copied %d rows out", n)
	}
}

// checkLarge moves more than the buffers of a socket hold, in both directions at once: pgx reads in the
// background when a write takes long.
func checkLarge(t *testing.T, conn *pgx.Conn) {
	const size = 8 << 20
	text := strings.Repeat("0123456789abcdef", size/16)
	if got := ask[string](t, conn, "select $1::text", text); got != text {
		t.Errorf("%d bytes came back, not the same", len(got))
	}
	if got := ask[int](t, conn, "select count(*) from (select repeat('x', 1000) from generate_series(1, 5000)) r"); got != 5000 {
		t.Errorf("got %d", got)
	}
	rows, err := conn.Query(within(t), "select n, repeat('x', 1000) from generate_series(1, 5000) n")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() != nil || n != 5000 {
		t.Errorf("%d rows, %v", n, rows.Err())
	}
}

func checkTransactions(t *testing.T, conn *pgx.Conn) {
	exec(t, conn, "create temp table kept (n int)")
	for _, commit := range []bool{true, false} {
		tx, err := conn.Begin(within(t))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(within(t), "insert into kept values (1)"); err != nil {
			t.Fatal(err)
		}
		if conn.PgConn().TxStatus() != 'T' {
			t.Errorf("status %c", conn.PgConn().TxStatus())
		}
		end := tx.Rollback
		if commit {
			end = tx.Commit
		}
		if err := end(within(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got := ask[int](t, conn, "select count(*) from kept"); got != 1 {
		t.Errorf("%d rows", got)
	}
}

func checkNotifications(t *testing.T, conn *pgx.Conn) {
	other := plainly(t, conn.Config())
	exec(t, conn, "listen news")
	exec(t, other, "select pg_notify('news', 'hello')")
	n, err := conn.WaitForNotification(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if n.Payload != "hello" || n.PID != other.PgConn().PID() {
		t.Errorf("notification %+v", n)
	}
}

// checkCancellation: pgx closes a connection whose query was cut short, and ends the query at the server.
func checkCancellation(t *testing.T, conn *pgx.Conn) {
	watch := plainly(t, conn.Config())
	ctx, cancel := context.WithCancel(within(t))
	go func() {
		defer cancel()
		awaitActive(t, watch, conn.PgConn().PID())
	}()
	_, err := conn.Exec(ctx, "select pg_sleep(60)")
	if !errors.Is(err, context.Canceled) || !conn.IsClosed() {
		t.Errorf("error %v, closed %v", err, conn.IsClosed())
	}
	select {
	case <-conn.PgConn().CleanupDone():
	case <-within(t).Done():
		t.Fatal("the connection was not cleaned up")
	}
	if n := ask[int](t, watch, "select count(*) from pg_stat_activity where pid = $1 and state = 'active'", conn.PgConn().PID()); n != 0 {
		t.Error("the query runs on")
	}
}

// awaitActive returns once the backend runs a statement.
func awaitActive(t testing.TB, watch *pgx.Conn, pid uint32) {
	const sql = "select count(*) from pg_stat_activity where pid = $1 and state = 'active' and wait_event = 'PgSleep'"
	for ctx := within(t); ctx.Err() == nil; {
		var n int
		if err := watch.QueryRow(ctx, sql, pid).Scan(&n); err != nil || n == 1 {
			if err != nil {
				t.Error(err)
			}
			return
		}
	}
}

func checkErrors(t *testing.T, conn *pgx.Conn) {
	var pgErr *pgconn.PgError
	if _, err := conn.Exec(within(t), "select 1/0"); !errors.As(err, &pgErr) || pgErr.Code != "22012" {
		t.Errorf("error %v", err)
	}
	if got := ask[int](t, conn, "select 1"); got != 1 || conn.IsClosed() {
		t.Error("an ordinary error has broken the connection")
	}
	if _, err := conn.Exec(within(t), "select pg_terminate_backend(pg_backend_pid())"); err == nil || !conn.IsClosed() {
		t.Errorf("killed: error %v, closed %v", err, conn.IsClosed())
	}
}

func checkPipeline(t *testing.T, conn *pgx.Conn) {
	pipeline := conn.PgConn().StartPipeline(within(t))
	for range 3 {
		pipeline.SendQueryParams("select 1", nil, nil, nil, nil)
	}
	if err := pipeline.Sync(); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		result, err := pipeline.GetResults()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := result.(*pgconn.ResultReader).Close(); err != nil {
			t.Error(err)
		}
	}
	if err := pipeline.Close(); err != nil {
		t.Error(err)
	}
}

// What the server said at login is what the connection knows.
func TestSessionIsTheConnections(t *testing.T) {
	db := database(t)
	config := parse(t, dsn(db, userTLS, "application_name=standby"))
	original, err := pgconn.ConnectConfig(within(t), &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	pid, key := original.PID(), bytes.Clone(original.SecretKey())
	parameters := map[string]string{}
	for _, name := range []string{"server_version", "server_encoding", "client_encoding", "application_name", "is_superuser", "DateStyle", "TimeZone", "integer_datetimes", "standard_conforming_strings", "session_authorization"} {
		parameters[name] = original.ParameterStatus(name)
	}
	session, err := standby.FromConn(within(t), original, &config.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := original.Exec(within(t), "select 1").ReadAll(); err == nil {
		t.Error("the former owner can still use the session")
	}

	conn, _ := adopt(t, config, session)
	if conn.PgConn().PID() != pid || !bytes.Equal(conn.PgConn().SecretKey(), key) || ask[uint32](t, conn, "select pg_backend_pid()") != pid {
		t.Error("the connection does not name the session's process and key")
	}
	for name, want := range parameters {
		if got := conn.PgConn().ParameterStatus(name); got != want || want == "" {
			t.Errorf("parameter %s is %q, want %q", name, got, want)
		}
	}
	exec(t, conn, "set application_name to 'renamed'")
	if got := conn.PgConn().ParameterStatus("application_name"); got != "renamed" {
		t.Errorf("application_name is %q", got)
	}
}

// A session waits for its connection as long as need be, and longer than the context of its login.
func TestSessionOutlivesItsLogin(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS, "connect_timeout=5"))
	ctx, cancel := context.WithTimeout(within(t), patience/2)
	session, err := standby.Dial(ctx, &config.Config)
	cancel()
	if err != nil {
		t.Fatal(err)
	}
	conn, _ := adopt(t, config, session)
	if got := ask[int](t, conn, "select 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

// The whole as a pool uses it.
func TestPoolOfSessions(t *testing.T) {
	config, err := pgxpool.ParseConfig(dsn(database(t), userTLS, "pool_max_conns=4"))
	if err != nil {
		t.Fatal(err)
	}
	config.BeforeConnect = func(ctx context.Context, c *pgx.ConnConfig) error {
		login := c.Config.Copy()
		standby.Route(&c.Config, func(ctx context.Context) (*standby.Session, error) {
			return standby.Dial(ctx, login)
		}, func(*pgconn.PgConn, *standby.Session) {})
		return nil
	}
	pool, err := pgxpool.NewWithConfig(within(t), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	done := make(chan error, 16)
	for range cap(done) {
		go func() {
			_, err := pool.Exec(within(t), "select pg_sleep(0.01)")
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := pool.Stat().TotalConns(); n < 1 || n > 4 {
		t.Errorf("%d connections", n)
	}
}

// closedWithin returns once the server has ended the backend.
func closedWithin(t testing.TB, watch *pgx.Conn, pid uint32) {
	t.Helper()
	for begin := time.Now(); ask[int](t, watch, "select count(*) from pg_stat_activity where pid = $1", pid) > 0; {
		if time.Since(begin) > patience {
			t.Fatal("the session lives on")
		}
	}
}

// Close says goodbye, so the server does not wait for a client that has gone.
func TestCloseSaysGoodbye(t *testing.T) {
	db := database(t)
	watch := plainly(t, parse(t, dsn(db, userTLS)))
	var r recorder
	config := parse(t, dsnPlain(db, "sslmode=disable application_name=goodbye"))
	config.DialFunc = r.dial
	session := dial(t, config)
	pid := ask[uint32](t, watch, "select pid from pg_stat_activity where application_name = 'goodbye'")
	session.Close()
	closedWithin(t, watch, pid)
	if stream := r.streams()[0]; !bytes.HasSuffix(stream, []byte{'X', 0, 0, 0, 4}) {
		t.Errorf("the last bytes are %q", stream[max(0, len(stream)-8):])
	}
}

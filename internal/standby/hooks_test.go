package standby_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/standby"
)

// diary is what hooks write into, in order. Hooks of one connection run one at a time.
type diary struct{ entries []string }

func (d *diary) note(entry string) { d.entries = append(d.entries, entry) }

// hook puts the diary into every hook of a configuration.
func (d *diary) hook(config *pgx.ConnConfig) {
	dial, lookup := config.DialFunc, config.LookupFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		d.note("dial")
		return dial(ctx, network, address)
	}
	config.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
		d.note("lookup")
		return lookup(ctx, host)
	}
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		d.note("net connect")
		return conn, nil
	}
	config.ValidateConnect = func(context.Context, *pgconn.PgConn) error { d.note("validate"); return nil }
	config.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		d.note("after connect")
		_, err := conn.Exec(ctx, "set application_name to 'hooked'").ReadAll()
		return err
	}
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { d.note("notice " + n.Message) }
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { d.note("notification " + n.Payload) }
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		d.note("error " + err.Code)
		return !strings.EqualFold(err.Severity, "FATAL")
	}
}

// wantNext asserts what was written since the last call.
func (d *diary) wantNext(t *testing.T, what string, want ...string) {
	t.Helper()
	if !slices.Equal(d.entries, want) {
		t.Errorf("%s: hooks %q, want %q", what, d.entries, want)
	}
	d.entries = nil
}

// Each hook runs once: those of the way to the server when the session is made, AfterConnect when it is adopted,
// and those of use as long as it is used.
func TestHooks(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	var d diary
	d.hook(config)
	session := dial(t, config)
	d.wantNext(t, "login", "lookup", "dial", "net connect", "validate")

	conn, a := adopt(t, config, session)
	d.wantNext(t, "adoption", "after connect")
	if got := conn.PgConn().ParameterStatus("application_name"); got != "hooked" {
		t.Errorf("AfterConnect worked on another connection: application_name is %q", got)
	}
	if a.handle != conn.PgConn() {
		t.Error("the callback got another handle")
	}

	exec(t, conn, "do $$ begin raise notice 'hear'; end $$")
	exec(t, conn, "listen news")
	exec(t, conn, "notify news, 'hot'")
	if _, err := conn.Exec(within(t), "select 1/0"); err == nil {
		t.Error("no error")
	}
	d.wantNext(t, "use", "notice hear", "notification hot", "error 22012")

	again := plainly(t, conn.Config())
	d.wantNext(t, "another connect", "lookup", "dial", "net connect", "validate", "after connect")
	if err := again.Ping(within(t)); err != nil {
		t.Error(err)
	}
	d.entries = nil
}

// The callback comes last, when the connection shows the session's configuration.
func TestAdoptedComesLast(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	session := dial(t, config)
	session.Attached = "a note"
	var order []string
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error {
		order = append(order, "after connect")
		return nil
	}
	standby.Route(&config.Config, func(context.Context) (*standby.Session, error) { return session, nil },
		func(conn *pgconn.PgConn, s *standby.Session) {
			order = append(order, "adopted")
			conn.CustomData()["note"] = s.Attached
		})
	conn := plainly(t, config)
	if !slices.Equal(order, []string{"after connect", "adopted"}) || conn.PgConn().CustomData()["note"] != "a note" {
		t.Errorf("order %v, note %v", order, conn.PgConn().CustomData()["note"])
	}
}

// AfterNetConnect may put something of its own between pgx and the server; the session keeps it.
func TestAfterNetConnectWraps(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	wrapped := &countingConn{}
	config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
		wrapped.Conn = conn
		return wrapped, nil
	}
	conn := connect(t, config)
	before := wrapped.writes
	exec(t, conn, "select 1")
	if wrapped.writes == before {
		t.Error("the connection goes around the wrapper")
	}
}

type countingConn struct {
	net.Conn
	writes int
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.writes++
	return c.Conn.Write(p)
}

// A hook that fails fails the connect, closes the session, and shows no password.
func TestAfterConnectFails(t *testing.T) {
	db := database(t)
	watch := plainly(t, parse(t, dsn(db, userTLS)))
	config := parse(t, dsn(db, userTLS, "application_name=unhooked"))
	unhappy := errors.New("unhappy")
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error { return unhappy }
	session := dial(t, config)
	pid := ask[uint32](t, watch, "select pid from pg_stat_activity where application_name = 'unhooked'")
	_, err := pgx.ConnectConfig(within(t), routeTo(t, config, func(context.Context) (*standby.Session, error) {
		return session, nil
	}))
	wantConnectError(t, err, unhappy)
	closedWithin(t, watch, pid)
}

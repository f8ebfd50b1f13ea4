package standby_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/standby"
)

// wantConnectError asserts that err is a connect's, caused by cause, and tells no password.
func wantConnectError(t *testing.T, err, cause error) {
	t.Helper()
	var connectErr *pgconn.ConnectError
	if !errors.As(err, &connectErr) || !errors.Is(err, cause) {
		t.Fatalf("error %v, want a ConnectError for %v", err, cause)
	}
	if connectErr.Config.Password != "" {
		t.Error("the error's configuration holds the password")
	}
	if printed := fmt.Sprintf("%v %+v %+v %#v", err, err, *connectErr.Config, *connectErr.Config); strings.Contains(printed, password) {
		t.Error("the error prints the password")
	}
}

// routeTo prepares a connect that gets its session from next.
func routeTo(t *testing.T, config *pgx.ConnConfig, next standby.Next) *pgx.ConnConfig {
	t.Helper()
	config = config.Copy()
	standby.Route(&config.Config, next, func(*pgconn.PgConn, *standby.Session) { t.Error("adopted") })
	return config
}

// Whatever else pgx could try, it asks once and dials nowhere.
func TestNextFails(t *testing.T) {
	for name, setup := range setups(t, database(t)) {
		t.Run(name, func(t *testing.T) {
			none := errors.New("no session today")
			calls := 0
			config := parse(t, setup.dsn)
			config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialled")
				return nil, none
			}
			_, err := pgx.ConnectConfig(within(t), routeTo(t, config, func(context.Context) (*standby.Session, error) {
				calls++
				return nil, none
			}))
			wantConnectError(t, err, none)
			if calls != 1 {
				t.Errorf("next was called %d times", calls)
			}
		})
	}
}

// The refusal of the login is what the connect says, with its SQLSTATE.
func TestNextIsRefused(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	login := config.Copy()
	login.Password = "another secret"
	_, err := pgx.ConnectConfig(within(t), routeTo(t, config, func(ctx context.Context) (*standby.Session, error) {
		return standby.Dial(ctx, &login.Config)
	}))
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "28P01" {
		t.Errorf("error %v", err)
	}
	var connectErr *pgconn.ConnectError
	if !errors.As(err, &connectErr) || connectErr.Config.Password != "" {
		t.Error("the outer error holds a password")
	}
}

// next may take its time: the connect's own timeout is not for it. The caller's context is.
func TestNextIsBoundedByTheContext(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS, "connect_timeout=1"))
	ctx, cancel := context.WithCancel(within(t))
	_, err := pgx.ConnectConfig(ctx, routeTo(t, config, func(ctx context.Context) (*standby.Session, error) {
		if _, limited := ctx.Deadline(); !limited {
			t.Error("next did not get the caller's context")
		} else if deadline, _ := ctx.Deadline(); time.Until(deadline) < patience/2 {
			t.Errorf("next has only %v", time.Until(deadline))
		}
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	wantConnectError(t, err, context.Canceled)
}

// A session that comes although nobody waits any more is adopted all the same, and is as good as new.
func TestContextEndsAsNextReturns(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	session := dial(t, config)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	routed := config.Copy()
	standby.Route(&routed.Config, func(context.Context) (*standby.Session, error) {
		cancel()
		return session, nil
	}, func(*pgconn.PgConn, *standby.Session) {})
	conn, err := pgx.ConnectConfig(ctx, routed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeConn(t, conn) })
	// The deadline that the end of the context has set must be gone.
	if got := ask[int](t, conn, "select 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

// A session whose server has gone is adopted, since nobody asks it; the first use tells.
func TestSessionThatDied(t *testing.T) {
	db := database(t)
	watch := plainly(t, parse(t, db.AdminDSN()))
	config := parse(t, dsn(db, userTLS, "application_name=doomed"))
	session := dial(t, config)
	pid := ask[uint32](t, watch, "select pid from pg_stat_activity where application_name = 'doomed'")
	exec(t, watch, "select pg_terminate_backend($1)", pid)
	closedWithin(t, watch, pid)
	conn, _ := adopt(t, config, session)
	_, err := conn.Exec(within(t), "select 1")
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "57P01" || !conn.IsClosed() {
		t.Errorf("error %v, closed %v", err, conn.IsClosed())
	}
}

func TestFromConnRefuses(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	for name, spoil := range map[string]func(*pgx.Conn){
		"a transaction":       func(conn *pgx.Conn) { exec(t, conn, "begin") },
		"a failed one":        func(conn *pgx.Conn) { exec(t, conn, "begin"); conn.Exec(within(t), "select 1/0") },
		"a query under way":   func(conn *pgx.Conn) { conn.PgConn().Exec(within(t), "select 1") },
		"a closed connection": func(conn *pgx.Conn) { conn.Close(within(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := pgx.ConnectConfig(within(t), config)
			if err != nil {
				t.Fatal(err)
			}
			spoil(conn)
			if session, err := standby.FromConn(within(t), conn.PgConn(), &config.Config); err == nil {
				session.Close()
				t.Error("no error")
			}
			if !conn.IsClosed() {
				t.Error("the connection was left open")
			}
			select {
			case <-conn.PgConn().CleanupDone():
			case <-within(t).Done():
				t.Error("the connection was not cleaned up")
			}
		})
	}
}

// A write that takes longer than pgx likes makes it read in the background. That reader must be gone before the
// session changes hands: it would take the next owner's first answer.
func TestSlowLogin(t *testing.T) {
	db := database(t)
	// Channel binding looks for TLS on the very socket that is wrapped here.
	for name, dsn := range map[string]string{"TLS": dsn(db, userTLS), "without TLS": dsnPlain(db, "sslmode=disable")} {
		t.Run(name, func(t *testing.T) {
			config := parse(t, dsn)
			slow := newSlowConn()
			config.AfterNetConnect = func(_ context.Context, _ *pgconn.Config, conn net.Conn) (net.Conn, error) {
				slow.Conn = conn
				return slow, nil
			}
			session := dial(t, config)
			conn, _ := adopt(t, config, session)
			for range 3 {
				if got := ask[int](t, conn, "select 1"); got != 1 {
					t.Errorf("got %d", got)
				}
			}
		})
	}
}

// loginWrites is how often a client writes to log in with SCRAM: the startup message, its first and its last word.
const loginWrites = 3

// slowConn is a connection whose writes, while it logs in, return only after the answer was read, and more is
// being waited for, by somebody else.
type slowConn struct {
	net.Conn
	mu     sync.Mutex
	read   sync.Cond
	slow   int  // writes that are still slow
	done   int  // reads that have returned
	inRead bool // one is under way
}

func newSlowConn() *slowConn {
	c := &slowConn{slow: loginWrites}
	c.read.L = &c.mu
	return c
}

func (c *slowConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.done
	n, err := c.Conn.Write(p)
	if c.slow > 0 {
		c.slow--
		for c.done == before || !c.inRead {
			c.read.Wait()
		}
	}
	return n, err
}

func (c *slowConn) Read(p []byte) (int, error) {
	c.mark(true, 0)
	n, err := c.Conn.Read(p)
	c.mark(false, 1)
	return n, err
}

func (c *slowConn) mark(inRead bool, done int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inRead = inRead
	c.done += done
	c.read.Broadcast()
}

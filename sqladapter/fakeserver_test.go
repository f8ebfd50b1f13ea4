package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// fakeServer is a server of simulated time: it takes logins, and counts.
type fakeServer struct {
	login time.Duration // what a login takes

	mu      sync.Mutex // guards the fields below
	open    map[string]int
	all     int
	most    int
	logins  int
	refused int
	refuses map[string]bool // users
	hangs   bool            // goodbyes do not end

	reused atomic.Int64 // connections that were taken out once more
}

func newFakeServer() *fakeServer {
	return &fakeServer{login: 5 * time.Millisecond, open: map[string]int{}, refuses: map[string]bool{}}
}

var errFakeRefused = errors.New("refused by the fake server")

// driver of the server: connections that database/sql gets as they are, as pgx's, or wrapped ones.
func (f *fakeServer) driver(native bool) sqladapter.Driver {
	d := sqladapter.Driver{
		Connector: func(c source.Credential) (driver.Connector, error) { return fakeConnector{f, c.Username}, nil },
		Classify: func(err error) sqladapter.Answer {
			if errors.Is(err, errFakeRefused) {
				return sqladapter.Answer{Meaning: sqladapter.PasswordRefused, Code: "28P01"}
			}
			return sqladapter.Answer{}
		},
		Probe: probe.Func(func(context.Context, probe.Target) error { return nil }),
		Clean: func(context.Context, driver.Conn) error { return nil },
	}
	if native {
		d.SessionOf = func(c driver.Conn) *sqladapter.Session { return c.(*fakeConn).session }
	}
	return d
}

type fakeConnector struct {
	server *fakeServer
	user   string
}

func (c fakeConnector) Driver() driver.Driver { return nil }

func (c fakeConnector) Connect(ctx context.Context) (driver.Conn, error) {
	dial := sqladapter.Counted(func(context.Context, string, string) (net.Conn, error) { return c.server.dial(c.user) })
	conn, err := dial(ctx, "tcp", "fake")
	if err != nil {
		return nil, err
	}
	return &fakeConn{server: c.server, session: sqladapter.SessionFrom(ctx), socket: conn}, nil
}

// dial makes a session, which ends with its socket.
func (f *fakeServer) dial(user string) (net.Conn, error) {
	<-time.After(f.login)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins++
	if f.refuses[user] {
		f.refused++
		return nil, errFakeRefused
	}
	f.open[user]++
	f.all++
	f.most = max(f.most, f.all)
	ours, theirs := net.Pipe()
	go func() { // until the client says goodbye, or has closed its end
		request := make([]byte, 1)
		for {
			if _, err := theirs.Read(request); err != nil || request[0] == goodbye {
				break
			}
		}
		f.mu.Lock()
		f.open[user]--
		f.all--
		f.mu.Unlock()
		theirs.Close()
	}()
	return ours, nil
}

func (f *fakeServer) refuse(user string, refused bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuses[user] = refused
}

func (f *fakeServer) hang() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hangs = true
}

func (f *fakeServer) sessions(user string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open[user]
}

func (f *fakeServer) refusals() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.refused
}

// goodbye is the request that ends a session; every other is taken for a ping.
const goodbye = 'X'

// fakeConn is one of its connections.
type fakeConn struct {
	server  *fakeServer
	session *sqladapter.Session
	socket  net.Conn
}

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errors.New("not of a fake") }
func (c *fakeConn) Begin() (driver.Tx, error)           { return nil, errors.New("not of a fake") }

func (c *fakeConn) Close() error {
	c.server.mu.Lock()
	hangs := c.server.hangs
	c.server.mu.Unlock()
	if hangs {
		c.socket.Read(make([]byte, 1)) // an answer that does not come
	} else {
		c.socket.Write([]byte{goodbye})
	}
	return c.socket.Close()
}

func (c *fakeConn) ResetSession(ctx context.Context) error {
	c.server.reused.Add(1)
	return c.session.Reused(ctx)
}

func (c *fakeConn) Ping(context.Context) error {
	_, err := c.socket.Write([]byte{0})
	return err
}

// fakeRig is a DB on a fake server, in a bubble of simulated time.
type fakeRig struct {
	server *fakeServer
	source *sourcetest.Fake
	db     *sqladapter.DB
	diary  *loadtest.Diary
}

func newFakeRig(t *testing.T, native bool, change func(*sqladapter.Config)) *fakeRig {
	t.Helper()
	r := &fakeRig{server: newFakeServer(), diary: &loadtest.Diary{}}
	r.source = sourcetest.New(fakeLogin("a"), sourcetest.Notifies)
	config := sqladapter.Config{
		Source: r.source.Source(), Driver: r.server.driver(native), MaxOpenConns: poolSize, OnEvent: r.diary.Write,
	}
	if change != nil {
		change(&config)
	}
	db, err := sqladapter.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	r.db = db
	return r
}

func fakeLogin(user string) source.Credential {
	return source.Credential{Username: user, Password: source.NewSecret("of " + user), Version: user}
}

// take takes n connections.
func (r *fakeRig) take(t *testing.T, n int) (held []interface{ Close() error }) {
	t.Helper()
	for range n {
		conn, err := r.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	return held
}

func (r *fakeRig) end(t *testing.T) {
	t.Helper()
	must(t, r.db.Close())
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	if r.server.all != 0 {
		t.Errorf("%d sessions are left", r.server.all)
	}
	if r.server.most > poolSize+sqladapter.DefaultHeadroom {
		t.Errorf("the server saw %d sessions", r.server.most)
	}
}

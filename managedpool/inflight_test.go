package managedpool_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

// slowOnce is a connection whose first answer comes late.
type slowOnce struct {
	net.Conn
	once  sync.Once
	began chan struct{}
	delay time.Duration
}

func (c *slowOnce) Read(b []byte) (int, error) {
	c.once.Do(func() {
		close(c.began)
		<-time.After(c.delay)
	})
	return c.Conn.Read(b)
}

// TestLoginInFlightWhenItsTimeIsUp: a caller whose login is cut off, because another credential was adopted and the
// time of the first is up, gets a connection of the other.
func TestLoginInFlightWhenItsTimeIsUp(t *testing.T) {
	var slow atomic.Bool
	began := make(chan struct{})
	c := newCounted(t, &managedpool.Options{DrainTimeout: 200 * time.Millisecond}, func(config *managedpool.Config) {
		config.MaxConns = 3
		config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if err == nil && slow.Swap(false) {
				return &slowOnce{Conn: conn, began: began, delay: time.Second}, nil
			}
			return conn, err
		}
	})
	held, err := c.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	slow.Store(true)
	user := make(chan string, 1)
	go func() {
		var name string
		if err := c.QueryRow(context.Background(), "select current_user").Scan(&name); err != nil {
			t.Errorf("a caller whose login was under way: %v", err)
		}
		user <- name
	}()
	<-began
	next, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c.feed.set(next)
	if got := <-user; got != next.User {
		t.Errorf("served as %q, want %q", got, next.User)
	}
}

// TestStatementIsNotBlamedOnTheLogin: a statement that was sent may not be sent again; its error must not say that
// there was no connection.
func TestStatementIsNotBlamedOnTheLogin(t *testing.T) {
	r := newRig(t, "", nil)
	held, err := r.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.issuer.Exec(t.Context(), "alter role "+r.login.User+" password 'another'"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := r.pool.Ping(short); !errors.Is(err, managedpool.ErrLoginRefused) {
		t.Errorf("without a connection: %v", err)
	}
	if s := r.pool.Status().State; s != rekey.StateRefused {
		t.Fatalf("state %q", s)
	}
	held.Release()
	short, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err = r.pool.Exec(short, "select pg_sleep(5)")
	if err == nil || errors.Is(err, managedpool.ErrLoginRefused) {
		t.Errorf("with one: %v", err)
	}
}

// TestShutdownEndsDials: connects that nobody waits for end with the pool, and the credential is given back.
func TestShutdownEndsDials(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fake := sourcetest.New(versioned(credentialOf(login), "first"), sourcetest.Retires)
	config, err := managedpool.ParseConfig(issuer.DSN(login))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns, config.MinConns = 6, 3
	var dials, hanging atomic.Int32
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if dials.Add(1) == 1 {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
		hanging.Add(1)
		defer hanging.Add(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	pool, err := managedpool.NewWithConfig(t.Context(), config, fake.Source(), nil)
	if err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 5*time.Second, func() bool { return hanging.Load() == 2 }, "two connects hang")
	shutdown(t, pool)
	if n := hanging.Load(); n != 0 {
		t.Errorf("%d connects hang after the end", n)
	}
	if n := len(fake.Retired()); n != 1 {
		t.Errorf("%d credentials given back, want 1", n)
	}
}

// TestBeforeCloseBesideRelease: pgxpool runs BeforeClose beside whoever releases a connection, so that it may wait for
// what he holds. In a hand-over, too.
func TestBeforeCloseBesideRelease(t *testing.T) {
	var mine sync.Mutex
	var closed atomic.Int32
	var alive atomic.Bool
	c := newCounted(t, nil, func(config *managedpool.Config) {
		config.MaxConns = 1
		config.BeforeClose = func(conn *pgx.Conn) {
			mine.Lock()
			defer mine.Unlock()
			alive.Store(conn.Ping(context.Background()) == nil)
			closed.Add(1)
		}
	})
	conn, err := c.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next, err := c.issuer.Issue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	before := closed.Load()
	c.feed.set(next)
	envtest.Eventually(t, 5*time.Second, func() bool { return c.Status().Username == next.User }, "adopted")
	<-time.After(200 * time.Millisecond) // the hand-over waits for the connection
	mine.Lock()
	released := make(chan struct{})
	go func() {
		conn.Release()
		close(released)
	}()
	select {
	case <-released:
	case <-time.After(10 * time.Second):
		t.Error("Release waits for BeforeClose")
	}
	mine.Unlock()
	envtest.Eventually(t, 5*time.Second, func() bool { return closed.Load() > before }, "BeforeClose")
	if !alive.Load() {
		t.Error("BeforeClose was given a connection that was closed already")
	}
}

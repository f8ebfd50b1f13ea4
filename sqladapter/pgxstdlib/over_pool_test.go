package pgxstdlib_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

func TestMain(m *testing.M) { envtest.Main(m) }

func credential(l testenv.Login) source.Credential {
	return source.Credential{Username: l.User, Password: source.NewSecret(l.Password)}
}

// overPool is a database/sql over a pool of three connections that follows a source of the test's.
func overPool(t *testing.T, opts *managedpool.Options) (*sql.DB, *managedpool.Pool, *testenv.Issuer, *sourcetest.Fake) {
	t.Helper()
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	fake := sourcetest.New(credential(issue(t, issuer)), sourcetest.Notifies)
	dsn := issuer.DSN(testenv.Login{User: "nobody"}) + " pool_max_conns=3"
	pool, err := managedpool.New(t.Context(), dsn, fake.Source(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db, err := pgxstdlib.OpenDB(pool)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db, pool, issuer, fake
}

func issue(t testing.TB, issuer *testenv.Issuer) testenv.Login {
	t.Helper()
	login, err := issuer.Issue(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// TestOpenDB: work over database/sql survives rotations whose old logins are dropped, within the pool's budget, and its
// connections are the pool's own.
func TestOpenDB(t *testing.T) {
	db, pool, issuer, fake := overPool(t, nil)
	sessions := loadtest.StartCensus(t, issuer)
	stop, done := make(chan struct{}), new(atomic.Int64)
	var work sync.WaitGroup
	for range 6 {
		work.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var n int
				if err := db.QueryRow("select count(*) from app.accounts where id < $1", 10).Scan(&n); err != nil || n != 9 {
					t.Errorf("%d, %v", n, err)
					return
				}
				done.Add(1)
			}
		})
	}
	for range 3 {
		old, login := testenv.Login{User: pool.Status().Username}, issue(t, issuer)
		before := done.Load()
		fake.Rotate(credential(login))
		envtest.Eventually(t, 20*time.Second, func() bool {
			s := pool.Status()
			return s.Username == login.User && len(s.Draining) == 0 && done.Load() > before
		}, "the pool uses the new login only")
		if err := issuer.Revoke(t.Context(), old); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	work.Wait()
	if seen := sessions.End(); seen > 3+managedpool.DefaultHeadroom {
		t.Errorf("the server saw %d sessions", seen)
	}
	if idle := db.Stats().Idle; idle != 0 {
		t.Errorf("the DB keeps %d connections out of the pool's reach", idle)
	}
	theirs(t, db, pool)
}

// theirs checks that a connection of the DB is pgx's own, and one of the pool's.
func theirs(t *testing.T, db *sql.DB, pool *managedpool.Pool) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if acquired := pool.Stat().AcquiredConns(); acquired != 1 {
		t.Errorf("%d connections are acquired from the pool", acquired)
	}
	err = conn.Raw(func(c any) error {
		own, ok := c.(*stdlib.Conn)
		if !ok {
			t.Fatalf("Raw gives a %T", c)
		}
		if user := own.Conn().Config().User; user != pool.Status().Username {
			t.Errorf("it is logged in as %s, the pool as %s", user, pool.Status().Username)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOpenDBHolds: while the server refuses the login, a caller of the DB waits for a better one, as one of the pool does.
func TestOpenDBHolds(t *testing.T) {
	diary := &loadtest.Diary{}
	db, pool, issuer, fake := overPool(t, &managedpool.Options{OnEvent: diary.Write})
	old := testenv.Login{User: pool.Status().Username}
	changed, err := issuer.AlterPassword(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	answered := make(chan error, 1)
	go func() { answered <- db.PingContext(t.Context()) }()
	envtest.Eventually(t, 20*time.Second, func() bool { return len(loadtest.Find[rekey.LoginRefusedEvent](diary)) > 0 },
		"the server has refused the login")
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := db.PingContext(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a caller with a deadline got %v", err)
	}
	select {
	case err := <-answered:
		t.Fatalf("the caller was not held: %v", err)
	default:
	}
	fake.RotateSilently(credential(changed))
	if err := pool.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Errorf("the caller was not held: %v", err)
	}
}

func TestOpenDBRefuses(t *testing.T) {
	if _, err := pgxstdlib.OpenDB(nil); err == nil {
		t.Error("took a nil pool")
	}
	issuer := envtest.Issuer(t)
	fake := sourcetest.New(credential(issue(t, issuer)))
	pool, err := managedpool.New(t.Context(), issuer.DSN(testenv.Login{User: "nobody"}), fake.Source(), &managedpool.Options{Mode: managedpool.Replace})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pgxstdlib.OpenDB(pool); err == nil {
		t.Error("took a pool in Replace mode")
	}
}

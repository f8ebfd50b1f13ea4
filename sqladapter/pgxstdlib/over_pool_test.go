package pgxstdlib_test

import (
	"context"
	"database/sql"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
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
func overPool(t *testing.T) (*sql.DB, *managedpool.Pool, *testenv.Issuer, *sourcetest.Fake) {
	t.Helper()
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	fake := sourcetest.New(credential(issue(t, issuer)), sourcetest.Notifies)
	dsn := issuer.DSN(testenv.Login{User: "nobody"}) + " pool_max_conns=3"
	pool, err := managedpool.New(t.Context(), dsn, fake.Source(), nil)
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

// TestOpenDB: work over database/sql survives rotations within the pool's budget, on connections of pgx's own type.
func TestOpenDB(t *testing.T) {
	db, pool, issuer, fake := overPool(t)
	stop := make(chan struct{})
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
				if err := db.QueryRow("select count(*) from app.accounts where id < $1", 10).Scan(&n); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		login := issue(t, issuer)
		fake.Rotate(credential(login))
		envtest.Eventually(t, 20*time.Second, func() bool {
			s := pool.Status()
			return s.Username == login.User && len(s.Draining) == 0
		}, "the pool uses the new login only")
	}
	close(stop)
	work.Wait()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = conn.Raw(func(c any) error {
		if _, ok := c.(*stdlib.Conn); !ok {
			t.Errorf("Raw gives a %T", c)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestOpenDBHolds: while the server refuses the login and the source knows better soon, a caller waits.
func TestOpenDBHolds(t *testing.T) {
	db, pool, issuer, fake := overPool(t)
	old := testenv.Login{User: pool.Status().Username}
	changed, err := issuer.AlterPassword(t.Context(), old)
	if err != nil {
		t.Fatal(err)
	}
	pool.Reset()
	answered := make(chan error, 1)
	go func() { answered <- db.PingContext(t.Context()) }()
	envtest.Eventually(t, 20*time.Second, func() bool { return pool.Status().LastError != "" }, "the server has refused the login")
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

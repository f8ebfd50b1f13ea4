package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestWhatIsInUse: a transaction, rows that are open, a connection with state of its own and a prepared statement go on
// while the login under them is exchanged.
func TestWhatIsInUse(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		ctx := t.Context()
		conn, err := r.db.Conn(ctx)
		must(t, err)
		defer conn.Close()
		set, get := "set application_name = 'mine'", "show application_name"
		if k.name == "mysql" {
			set, get = "set @mine = 'mine'", "select @mine"
		}
		_, err = conn.ExecContext(ctx, set)
		must(t, err)
		if k.name != "mysql" {
			_, err = conn.ExecContext(ctx, "create temp table mine (n int)")
			must(t, err)
			_, err = conn.ExecContext(ctx, "select pg_advisory_lock(1)")
			must(t, err)
		}
		tx, err := r.db.BeginTx(ctx, nil)
		must(t, err)
		defer tx.Rollback()
		_, err = tx.ExecContext(ctx, "insert into "+r.events+" (account_id, kind) values (1, 'long')")
		must(t, err)
		rows, err := r.db.QueryContext(ctx, "select id from "+r.accounts)
		must(t, err)
		defer rows.Close()
		rows.Next()
		stmt, err := r.db.PrepareContext(ctx, "select balance from "+r.accounts+" where id = "+r.arg)
		must(t, err)
		defer stmt.Close()

		old := r.rotate(t)
		envtest.Eventually(t, patience, func() bool {
			s := r.db.Status()
			return s.Username == r.login.User && len(s.Draining) == 1 && s.Draining[0].Connections == 3
		}, "all but what is in use is exchanged")

		n := 1
		for rows.Next() {
			n++
		}
		must(t, rows.Err())
		if n != 100 {
			t.Errorf("%d rows", n)
		}
		var balance int64
		must(t, stmt.QueryRow(1).Scan(&balance))
		must(t, tx.Commit())
		var mine string
		must(t, conn.QueryRowContext(ctx, get).Scan(&mine))
		if mine != "mine" {
			t.Errorf("the connection's own setting is %q", mine)
		}
		if k.name != "mysql" {
			_, err = conn.ExecContext(ctx, "insert into mine values (1)")
			must(t, err)
		}
		conn.Close()
		r.adoptedLast(t, patience)
		must(t, stmt.QueryRow(1).Scan(&balance))
		r.revoke(t, old)
		must(t, stmt.QueryRow(1).Scan(&balance))
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestOwnDriver: a function from credential to connector is enough.
func TestOwnDriver(t *testing.T) {
	own := kinds[1]
	own.begin = func(t testing.TB) (issuer, *testenv.Proxy, sqladapter.Driver) {
		issuer, proxy, dsn := beginPostgres(t)
		return issuer, proxy, sqladapter.Driver{Connector: func(c source.Credential) (driver.Connector, error) {
			return pq.NewConnector(dsn + " user=" + c.Username + " password=" + c.Password.Reveal())
		}}
	}
	r := newRig(t, own, nil)
	work := startLoad(t, r, 16)
	for range 2 {
		old := r.rotate(t)
		r.adoptedLast(t, patience)
		envtest.Eventually(t, patience, func() bool { return r.sessions(t, old) == 0 }, "the old sessions are gone")
		r.revoke(t, old)
	}
	t.Logf("%d operations, %d failed", work.end(), work.failed.Load())
}

// TestRefusedLoginIsHeld: callers who need a connection while the password in the database is ahead of the store's wait.
func TestRefusedLoginIsHeld(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.warm(t, 1)
		settled(t, r)
		held, err := r.db.Conn(t.Context())
		must(t, err)
		defer held.Close()
		changed, err := r.issuer.AlterPassword(t.Context(), r.login)
		must(t, err)
		answered := make(chan error, 1)
		go func() { answered <- r.db.PingContext(context.Background()) }()
		envtest.Eventually(t, patience, func() bool { return r.db.Status().State == rekey.StateRefused }, "the login is refused")
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		other, err := r.db.Conn(short)
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, rekey.ErrLoginRefused) {
			t.Errorf("a caller with a deadline got %v, %v", other, err)
		}
		r.source.Rotate(credential(changed))
		if err := <-answered; err != nil {
			t.Errorf("the caller was not held: %v", err)
		}
		if n := len(loadtest.Find[rekey.LoginRefusedEvent](r.diary)); n == 0 {
			t.Error("no event")
		}
	})
}

// TestUnverifiedIsNotUsed: a login with fewer rights, or none, is not adopted, and given back.
func TestUnverifiedIsNotUsed(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		for i, bad := range []source.Credential{
			{Username: "nobody", Password: source.NewSecret("x"), Version: "a"},
			{Username: r.login.User, Password: source.NewSecret("wrong"), Version: "b"},
		} {
			r.source.Rotate(bad)
			envtest.Eventually(t, patience, func() bool { return len(loadtest.Find[rekey.RefusedEvent](r.diary)) > i }, "refused")
			if s := r.db.Status(); s.Username != r.login.User || s.Generation != 1 {
				t.Errorf("in use: %+v", s)
			}
			must(t, r.db.Ping())
		}
		for _, e := range loadtest.Find[rekey.RefusedEvent](r.diary) {
			if e.Err.Class != rekey.VerifyRefused || e.Err.SQLState == "" {
				t.Errorf("%+v", e.Err)
			}
		}
	})
}

// TestExpiry: no connection outlives its credential, one in use included, and callers are told.
func TestExpiry(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		c := credential(r.login)
		c.Version, c.ExpiresAt = "short", time.Now().Add(2*time.Second)
		r.source.Rotate(c)
		envtest.Eventually(t, patience, func() bool { return r.db.Status().Version == "short" }, "adopted")
		r.source.FailNext(1000, errors.New("the store is down"))
		conn, err := r.db.Conn(t.Context())
		must(t, err)
		defer conn.Close()
		envtest.Eventually(t, patience, func() bool { return r.db.Status().State == rekey.StateExpired }, "expired")
		envtest.Eventually(t, patience, func() bool { return r.sessions(t, r.login) == 0 }, "no session outlives it")
		if time.Now().After(c.ExpiresAt.Add(time.Second)) {
			t.Error("too late")
		}
		if err := conn.PingContext(t.Context()); err == nil {
			t.Error("the connection in use still works")
		}
		soon, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := r.db.PingContext(soon); !errors.Is(err, rekey.ErrCredentialExpired) {
			t.Errorf("callers are told: %v", err)
		}
		r.source.FailNext(0, nil)
		r.rotate(t)
		envtest.Eventually(t, patience, func() bool { return r.db.Ping() == nil }, "it works again")
	})
}

// TestDrainTimeout: a connection that does not come home is closed under its user.
func TestDrainTimeout(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, func(c *sqladapter.Config) { c.DrainTimeout = 200 * time.Millisecond })
		conn, err := r.db.Conn(t.Context())
		must(t, err)
		defer conn.Close()
		old := r.rotate(t)
		r.adoptedLast(t, patience)
		if n := r.sessions(t, old); n != 0 {
			t.Errorf("%d old sessions are left", n)
		}
		drained := loadtest.Find[rekey.DrainedEvent](r.diary)
		if len(drained) != 1 || drained[0].Cancelled != 1 {
			t.Errorf("drained: %+v", drained)
		}
		must(t, r.db.Ping())
	})
}

// TestRevokedRole: an account that an operator drops is found by the first statement that fails for it, and replaced.
func TestRevokedRole(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.warm(t, 5)
		old := r.login
		r.login = r.issue(t)
		r.source.RotateSilently(credential(r.login))
		r.revoke(t, old)
		failed := 0
		envtest.Eventually(t, patience, func() bool {
			err := r.readRows(t.Context())
			if err != nil {
				failed++
				if strings.Contains(err.Error(), "bad connection") {
					t.Error(err)
				}
			}
			return err == nil && r.db.Status().Username == r.login.User
		}, "the new login is in use")
		if failed == 0 || failed > 15 {
			t.Errorf("%d statements failed", failed)
		}
		t.Logf("%d statements failed", failed)
		if refused := loadtest.Find[rekey.LoginRefusedEvent](r.diary); len(refused) == 0 || !refused[0].Revoked {
			t.Errorf("events: %+v", refused)
		}
	})
}

// TestKilledSessions: after an operator has killed every session, callers do not find the dead ones.
func TestKilledSessions(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.warm(t, poolSize)
		must(t, r.issuer.Terminate(t.Context(), r.login))
		envtest.Eventually(t, patience, func() bool { return r.sessions(t, r.login) == 0 }, "killed")
		failed := 0
		for range 3 * poolSize {
			if err := r.readRows(t.Context()); err != nil {
				failed++
			}
		}
		if failed > 1 {
			t.Errorf("%d statements failed", failed)
		}
	})
}

// TestSameLogin: a changed password needs no hand-over.
func TestSameLogin(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.warm(t, 4)
		before := r.proxy.Total()
		changed, err := r.issuer.AlterPassword(t.Context(), r.login)
		must(t, err)
		r.source.Rotate(credential(changed))
		envtest.Eventually(t, patience, func() bool { return r.db.Status().Generation == 2 }, "adopted")
		must(t, r.db.Ping())
		if made := r.proxy.Total() - before; made > 2 {
			t.Errorf("%d connections for another password", made)
		}
	})
}

// TestClose: whoever closes the DB, with whatever in use, nothing is left; what is in use has its time.
func TestClose(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		closes := map[string]func(*rig) error{
			"the DB":          func(r *rig) error { return r.db.Close() },
			"the embedded DB": func(r *rig) error { return r.db.DB.Close() },
		}
		for name, end := range closes {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, k, nil)
				r.warm(t, 3)
				tx, err := r.db.BeginTx(context.Background(), nil)
				must(t, err)
				time.AfterFunc(200*time.Millisecond, func() {
					if _, err := tx.Exec("insert into " + r.events + " (account_id, kind) values (1, 'last')"); err != nil {
						t.Errorf("a transaction under way: %v", err)
					}
					if err := tx.Commit(); err != nil {
						t.Errorf("its commit: %v", err)
					}
				})
				must(t, end(r))
				if n, err := r.issuer.AllSessions(t.Context()); err != nil || n != 0 {
					t.Errorf("%d sessions are left, %v", n, err)
				}
				if retired := r.source.Retired(); len(retired) != 1 {
					t.Errorf("retired: %v", retired)
				}
				must(t, end(r))
				if err := r.db.Ping(); err == nil {
					t.Error("it still works")
				}
			})
		}
	})
}

// TestShutdownWithLeak: a connection that is never given back is closed under its holder.
func TestShutdownWithLeak(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		leaked, err := r.db.Conn(t.Context())
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		must(t, r.db.Shutdown(ctx))
		closed := loadtest.Find[rekey.ClosedEvent](r.diary)
		if len(closed) != 1 || closed[0].Abandoned != 1 {
			t.Errorf("%+v", closed)
		}
		leaked.Close()
	})
}

// TestBadConfig: what cannot be right fails at construction and names the field.
func TestBadConfig(t *testing.T) {
	good := sqladapter.Config{
		Source: source.Func(func(context.Context) (source.Credential, error) { return source.Credential{}, errors.New("no") }),
		Driver: sqladapter.Driver{Connector: nothing},
	}
	for field, spoil := range map[string]func(*sqladapter.Config){
		"Source":           func(c *sqladapter.Config) { c.Source = nil },
		"Driver.Connector": func(c *sqladapter.Config) { c.Driver.Connector = nil },
		"MaxOpenConns":     func(c *sqladapter.Config) { c.MaxOpenConns = -1 },
		"Headroom":         func(c *sqladapter.Config) { c.Headroom = -2 },
		"Jitter":           func(c *sqladapter.Config) { c.Jitter = 2 },
		"MaxHold":          func(c *sqladapter.Config) { c.MaxHold = -1 },
	} {
		c := good
		spoil(&c)
		_, err := sqladapter.Open(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "Config."+field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func nothing(source.Credential) (driver.Connector, error) { return nil, errors.New("no connector") }

// settled waits until the DB has exactly one connection: the session on which the credential was verified, or one that was
// made beside it, may be on its way.
func settled(t testing.TB, r *rig) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool {
		if r.db.Stats().OpenConnections > 1 {
			r.db.SetMaxIdleConns(1)
			r.db.SetMaxIdleConns(poolSize)
		}
		return r.db.Stats().OpenConnections == 1 && r.sessions(t, r.login) == 1
	}, "one connection")
}

// TestPoolStats: what callers have asked for is counted, and not what the adapter has asked for itself.
func TestPoolStats(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, func(c *sqladapter.Config) { c.MaxOpenConns = 1 })
		r.warm(t, 1)
		before := r.db.PoolStats()
		for range 5 {
			must(t, r.readRows(t.Context()))
		}
		held, err := r.db.Conn(t.Context())
		must(t, err)
		waited := make(chan error)
		go func() { waited <- r.readRows(context.Background()) }()
		envtest.Eventually(t, patience, func() bool { return r.db.PoolStats().Waited > before.Waited }, "a caller waits")
		if s := r.db.PoolStats(); s.Max != 1 || s.Used != 1 || s.Idle != 0 {
			t.Errorf("%+v", s)
		}
		held.Close()
		must(t, <-waited)
		after := r.db.PoolStats()
		if n := after.Acquires - before.Acquires; n != 7 {
			t.Errorf("%d acquires", n)
		}
		if after.Waited != before.Waited+1 || after.WaitTime <= before.WaitTime {
			t.Errorf("waits: %+v, %+v", before, after)
		}
		for range 3 {
			r.rotate(t)
			r.adoptedLast(t, patience)
		}
		envtest.Eventually(t, patience, func() bool { s := r.db.Status(); return s.Connections == 1 && s.Usable == 1 }, "one connection")
		if rotated := r.db.PoolStats(); rotated.Acquires != after.Acquires || rotated.Waited != after.Waited || rotated.Created < after.Created+3 {
			t.Errorf("rotations alone: %+v, %+v", after, rotated)
		}
	})
}

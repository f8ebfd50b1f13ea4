package managedpool_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// patience bounds a wait for what happens by itself; machines that run tests are slow at times.
const patience = 20 * time.Second

// pooler is every method of *pgxpool.Pool: what is run on both pools side by side is written against it.
type pooler interface {
	Acquire(context.Context) (*pgxpool.Conn, error)
	AcquireAllIdle(context.Context) []*pgxpool.Conn
	AcquireFunc(context.Context, func(*pgxpool.Conn) error) error
	Begin(context.Context) (pgx.Tx, error)
	BeginTx(context.Context, pgx.TxOptions) (pgx.Tx, error)
	Close()
	Config() *pgxpool.Config
	CopyFrom(context.Context, pgx.Identifier, []string, pgx.CopyFromSource) (int64, error)
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Ping(context.Context) error
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
	Reset()
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
	Stat() *pgxpool.Stat
}

// site is a database with an issuer of logins and a superuser who looks on.
type site struct {
	issuer *testenv.Issuer
	admin  *pgxpool.Pool
}

func newSite(t testing.TB, opts *testenv.IssuerOptions) *site {
	t.Helper()
	s := &site{issuer: envtest.IssuerWith(t, opts)}
	admin, err := pgxpool.New(context.Background(), s.issuer.Database().AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	s.admin = admin
	t.Cleanup(admin.Close)
	return s
}

func (s *site) issue(t testing.TB) testenv.Login {
	t.Helper()
	login, err := s.issuer.Issue(context.Background())
	if err != nil {
		t.Fatalf("issuing a login: %v", err)
	}
	return login
}

// do runs statements as the superuser.
func (s *site) do(t testing.TB, sql string) {
	t.Helper()
	if err := s.issuer.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// count runs a query of the superuser that returns one number.
func (s *site) count(t testing.TB, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := s.admin.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// config is that of a pool in the site's database, for the given login.
func (s *site) config(t testing.TB, login testenv.Login, change func(*pgxpool.Config)) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(s.issuer.DSN(login))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(config)
	}
	return config
}

// managed makes a pool with a configuration that names no login, shut down when the test ends.
func (s *site) managed(t testing.TB, src source.Source, opts *managedpool.Options, change func(*pgxpool.Config)) *managedpool.Pool {
	t.Helper()
	pool, err := s.tryManaged(t, src, opts, change)
	if err != nil {
		t.Fatalf("making a pool: %v", err)
	}
	return pool
}

func (s *site) tryManaged(t testing.TB, src source.Source, opts *managedpool.Options, change func(*pgxpool.Config)) (*managedpool.Pool, error) {
	t.Helper()
	config := s.config(t, testenv.Login{User: "nobody"}, change)
	pool, err := managedpool.NewWithConfig(context.Background(), config, src, opts)
	if err == nil {
		t.Cleanup(func() { shutdown(t, pool) })
	}
	return pool, err
}

func shutdown(t testing.TB, pool *managedpool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// settled waits until the pool has made its first connection and nothing is under way: New leaves the session
// on which the credential was verified to the pool, and pgxpool takes it a moment later.
func settled(t testing.TB, pool *managedpool.Pool) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool {
		stat := pool.Stat()
		return stat.NewConnsCount() > 0 && stat.ConstructingConns() == 0 && stat.AcquiredConns() == 0
	}, "the pool has made its first connection")
}

// uses waits until the pool uses login and no connection of another is left.
func uses(t testing.TB, pool *managedpool.Pool, login testenv.Login) {
	t.Helper()
	envtest.Eventually(t, patience, func() bool {
		s := pool.Status()
		return s.Username == login.User && len(s.Draining) == 0
	}, "the pool uses ", login.User, " only")
}

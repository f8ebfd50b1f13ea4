package vault_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"
	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

// poolSize is MaxConns of the pools under load.
const poolSize = 10

// patience bounds a wait for what happens by itself; machines that run tests are slow at times.
const patience = 30 * time.Second

// site is a Vault server with a database engine for a database of its own, and a way to log in.
type site struct {
	server *testenv.Vault
	issuer *testenv.Issuer
	db     *testenv.VaultDatabase
	client *api.Client
	auth   api.AuthMethod
	policy string // that its tokens have
}

// newSite makes one on the given server; tokens says what the tokens of its login are like.
func newSite(t testing.TB, server *testenv.Vault, tokens testenv.VaultTokenOptions) *site {
	t.Helper()
	s := &site{server: server, issuer: envtest.Issuer(t), client: server.Client()}
	s.client.ClearToken()
	s.client.SetMaxRetries(2) // Vault's default
	s.db = envtest.VaultDatabase(t, server, s.issuer, nil)
	s.permit(t, s.db.Rules(), tokens)
	return s
}

// permit has the logins that are made from now on get tokens with these rules.
func (s *site) permit(t testing.TB, rules string, tokens testenv.VaultTokenOptions) {
	t.Helper()
	policy, err := s.server.Policy(t.Context(), rules)
	if err != nil {
		t.Fatal(err)
	}
	s.policy = policy
	tokens.Policies = append(tokens.Policies, policy)
	role, err := s.server.AppRole(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	s.auth, err = approle.NewAppRoleAuth(role.RoleID, &approle.SecretID{FromString: role.SecretID}, approle.WithMountPath(role.Mount))
	if err != nil {
		t.Fatal(err)
	}
}

// login is closed when the test ends, after the pools that were made later.
func (s *site) login(t testing.TB) *vault.Login {
	t.Helper()
	login, err := vault.NewLogin(s.client, s.auth, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := login.Close(); err != nil {
			t.Errorf("closing the login: %v", err)
		}
	})
	return login
}

// role makes a dynamic role and a source of its leases.
func (s *site) role(t testing.TB, opts testenv.VaultRoleOptions) (string, *vault.Dynamic) {
	t.Helper()
	role, err := s.db.DynamicRole(t.Context(), &opts)
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.login(t).Dynamic(s.db.Mount, role, nil)
	if err != nil {
		t.Fatal(err)
	}
	return role, src
}

// scalar is the answer of a query as the superuser.
func scalar[T any](t testing.TB, s *site, sql string, args ...any) (value T) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), s.issuer.Database().AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return value
}

// users is how many database users of a role there are.
func (s *site) users(t testing.TB, role string) int {
	t.Helper()
	return scalar[int](t, s, "select count(*) from pg_roles where rolname like 'v-%-' || $1 || '-%'", role)
}

// leases returns the leases of a role.
func (s *site) leases(t testing.TB, role string) []any {
	t.Helper()
	list, err := s.server.Client().Logical().List("sys/leases/lookup/" + s.db.CredsPath(role))
	if err != nil {
		t.Fatal(err)
	}
	if list == nil {
		return nil
	}
	return list.Data["keys"].([]any)
}

// run is a pool under load.
type run struct {
	*site
	pool  *managedpool.Pool
	diary *loadtest.Diary
	load  *loadtest.Load
}

// start makes a pool of src and puts it under load, in which only expected failures are allowed.
func (s *site) start(t testing.TB, src source.Source, opts managedpool.Options, expected func(error) bool) *run {
	t.Helper()
	r := s.open(t, src, opts)
	r.load = loadtest.Start(t, r.pool, 16, expected)
	return r
}

// startWaves is start for parallel tests, in which no failure is allowed.
func (s *site) startWaves(t testing.TB, src source.Source, opts managedpool.Options) *run {
	t.Helper()
	r := s.open(t, src, opts)
	r.load = loadtest.StartWaves(t, r.pool, 16, nil)
	return r
}

// open makes a pool of src.
func (s *site) open(t testing.TB, src source.Source, opts managedpool.Options) *run {
	t.Helper()
	must(t, s.issuer.Database().Set(t.Context(), "log_statement", "none")) // a test that reads the log has no pool
	r := &run{site: s, diary: &loadtest.Diary{}}
	opts.OnEvent = r.diary.Write
	config, err := managedpool.ParseConfig(s.issuer.Database().DSN("nobody", ""))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = poolSize
	if r.pool, err = managedpool.NewWithConfig(t.Context(), config, src, &opts); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.shutdown(t)
		if t.Failed() {
			t.Logf("events:\n%v", r.diary)
		}
	})
	return r
}

func (r *run) shutdown(t testing.TB) {
	t.Helper()
	if r.load != nil {
		r.end(t)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.pool.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// end ends the load, and says what it was.
func (r *run) end(t testing.TB) {
	t.Helper()
	load := r.load
	r.load = nil
	operations := load.End()
	t.Logf("%d operations, %d failed, %d generations", operations, load.Failed(), r.pool.Status().Generation)
	if operations < 100 {
		t.Errorf("%d operations: that was no load", operations)
	}
}

// await waits for an event that matches.
func await[E rekey.Event](t testing.TB, r *run, within time.Duration, match func(E) bool) {
	t.Helper()
	envtest.Eventually(t, within, func() bool {
		for _, e := range loadtest.Find[E](r.diary) {
			if match(e) {
				return true
			}
		}
		return false
	}, fmt.Sprintf("%T", *new(E)))
}

// generation waits for the pool to have adopted its nth login.
func (r *run) generation(t testing.TB, n uint64, within time.Duration) {
	t.Helper()
	envtest.Eventually(t, within, func() bool { return r.pool.Status().Generation >= n }, "generation ", n)
}

// slackOf is the outage that a pool with the default options survives from the moment when a refresh of a lease is due.
func slackOf(ttl time.Duration) time.Duration { return ttl/3 - ttl/10 }

// onCue waits until the lease in use is due at the earliest: jitter is a tenth.
func (r *run) onCue(t testing.TB, ttl time.Duration) (due, notAfter time.Time) {
	t.Helper()
	before := r.pool.Status().Generation
	r.generation(t, before+1, 2*ttl)
	adopted := loadtest.Find[rekey.AdoptedEvent](r.diary)
	expires := adopted[len(adopted)-1].ExpiresAt
	due, notAfter = expires.Add(-ttl/3), expires.Add(-ttl/10)
	<-time.After(time.Until(due.Add(-ttl * 2 / 3 / 10)))
	return due, notAfter
}

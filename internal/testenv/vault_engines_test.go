package testenv_test

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

// read reads as root; there must be something.
func read(t *testing.T, vault *testenv.Vault, path string) *api.Secret {
	t.Helper()
	secret, err := vault.Client().Logical().ReadWithContext(t.Context(), path)
	if err != nil || secret == nil {
		t.Fatalf("reading %s: %v, err %v", path, secret, err)
	}
	return secret
}

func loginOf(secret *api.Secret) testenv.Login {
	return testenv.Login{User: secret.Data["username"].(string), Password: secret.Data["password"].(string)}
}

// database mounts an engine on the shared server, for a database of the test's own.
func database(t *testing.T, opts *testenv.VaultDatabaseOptions) (*testenv.Vault, *testenv.VaultDatabase) {
	t.Helper()
	vault := envtest.Vault(t)
	return vault, envtest.VaultDatabase(t, vault, envtest.Issuer(t), opts)
}

func dynamicRole(t *testing.T, db *testenv.VaultDatabase, opts *testenv.VaultRoleOptions) string {
	t.Helper()
	role, err := db.DynamicRole(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return role
}

// roleExists looks into pg_roles.
func roleExists(t *testing.T, db *testenv.VaultDatabase, user string) (exists bool) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.Issuer().Database().AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	err = conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", user).Scan(&exists)
	if err != nil {
		t.Fatal(err)
	}
	return exists
}

func TestVaultDynamicLogins(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"by group": false, "direct": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vault, db := database(t, nil)
			role := dynamicRole(t, db, &testenv.VaultRoleOptions{TTL: time.Minute, Direct: direct})
			secret := read(t, vault, db.CredsPath(role))
			login := loginOf(secret)
			conn := connect(t, db.Issuer().DSN(login))
			wantWork(t, conn)
			if err := vault.Client().Sys().RevokeWithOptionsWithContext(t.Context(), revokeNow(secret)); err != nil {
				t.Fatal(err)
			}
			if roleExists(t, db, login.User) {
				t.Error("the login is still there")
			}
			if _, err := conn.Exec(t.Context(), "SELECT * FROM app.accounts"); sqlState(err) != "42501" {
				t.Errorf("the open session: %v, want SQLSTATE 42501", err)
			}
			if _, err := pgx.Connect(t.Context(), db.Issuer().DSN(login)); sqlState(err) != "28P01" {
				t.Errorf("logging in: %v, want SQLSTATE 28P01", err)
			}
		})
	}
}

func revokeNow(secret *api.Secret) *api.RevokeOptions {
	return &api.RevokeOptions{LeaseID: secret.LeaseID, Sync: true}
}

// wantWork does what the application does, and what it may not do.
func wantWork(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	for _, sql := range []string{
		"SELECT balance_of(1)",
		"INSERT INTO events (account_id, kind) VALUES (1, 'test')",
		"UPDATE accounts SET balance = balance - 1 WHERE id = 1",
		"DELETE FROM events",
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"CREATE TABLE app.t ()", "TRUNCATE events", "CREATE ROLE other"} {
		if _, err := conn.Exec(t.Context(), sql); sqlState(err) != "42501" {
			t.Errorf("%s: %v, want SQLSTATE 42501", sql, err)
		}
	}
}

func TestVaultLeaseEnds(t *testing.T) {
	t.Parallel()
	vault, db := database(t, nil)
	role := dynamicRole(t, db, &testenv.VaultRoleOptions{TTL: 4 * time.Second, MaxTTL: 6 * time.Second})
	secret := read(t, vault, db.CredsPath(role))
	if secret.LeaseDuration != 4 || !secret.Renewable {
		t.Errorf("a lease of %d s, renewable %v", secret.LeaseDuration, secret.Renewable)
	}
	renewed, err := vault.Client().Sys().RenewWithContext(t.Context(), secret.LeaseID, 100)
	if err != nil || renewed.LeaseDuration < 1 || renewed.LeaseDuration > 6 {
		t.Errorf("renewed: %+v, err %v; want what max_ttl leaves", renewed, err)
	}
	login := loginOf(secret)
	envtest.Eventually(t, 20*time.Second, func() bool { return !roleExists(t, db, login.User) }, "the lease ends")
}

func TestVaultSendsNoPassword(t *testing.T) {
	vault, db := database(t, nil)
	role := dynamicRole(t, db, nil)
	login := loginOf(read(t, vault, db.CredsPath(role)))
	wantUnlogged(t, db, login)
}

func wantUnlogged(t *testing.T, db *testenv.VaultDatabase, login testenv.Login) {
	t.Helper()
	said, err := db.Issuer().Database().Server.Log()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said, login.User) || strings.Contains(said, login.Password) {
		t.Error("PostgreSQL's log has the password, or not even the user")
	}
}

func TestVaultStaticRoleRotates(t *testing.T) {
	t.Parallel()
	vault, db := database(t, nil)
	role, err := db.StaticRole(t.Context(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	first := loginOf(read(t, vault, db.StaticCredsPath(role.Name)))
	if first.User != role.User {
		t.Errorf("user %s, want %s", first.User, role.User)
	}
	wantWork(t, connect(t, db.Issuer().DSN(first)))
	next := wantRotation(t, vault, db, role, first)
	if err := db.Rotate(t.Context(), role.Name); err != nil {
		t.Fatal(err)
	}
	wantUnlogged(t, db, wantRotation(t, vault, db, role, next))
}

// logsIn is for a password that may change at any time.
func logsIn(t *testing.T, dsn string) bool {
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		return false
	}
	conn.Close(t.Context())
	return true
}

// wantRotation waits for another password than before's, and tries both.
func wantRotation(t *testing.T, vault *testenv.Vault, db *testenv.VaultDatabase, role testenv.VaultStaticRole, before testenv.Login) testenv.Login {
	t.Helper()
	after := before
	envtest.Eventually(t, 20*time.Second, func() bool {
		after = loginOf(read(t, vault, db.StaticCredsPath(role.Name)))
		return after.Password != before.Password && logsIn(t, db.Issuer().DSN(after))
	}, "the password is another")
	if _, err := pgx.Connect(t.Context(), db.Issuer().DSN(before)); sqlState(err) != "28P01" {
		t.Errorf("the old password: %v, want SQLSTATE 28P01", err)
	}
	return after
}

func TestVaultByProxy(t *testing.T) {
	t.Parallel()
	proxy := envtest.Proxy(t)
	vault, db := database(t, &testenv.VaultDatabaseOptions{Port: proxy.Port()})
	role := dynamicRole(t, db, nil)
	read(t, vault, db.CredsPath(role))
	if proxy.Total() == 0 {
		t.Error("Vault went past the proxy")
	}
}

func TestVaultForgetsLeasesItCannotRevoke(t *testing.T) {
	t.Parallel()
	vault, db := database(t, nil)
	role := dynamicRole(t, db, nil)
	login := loginOf(read(t, vault, db.CredsPath(role)))
	if err := db.Issuer().Exec(t.Context(), `DROP OWNED BY "`+login.User+`"; DROP ROLE "`+login.User+`"`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestVaultKV(t *testing.T) {
	t.Parallel()
	vault := envtest.Vault(t)
	if mount := put(t, vault, 1); read(t, vault, mount+"/app").Data["password"] != "kept" {
		t.Error("version 1 has lost the secret")
	}
	secret, err := vault.Client().KVv2(put(t, vault, 2)).Get(t.Context(), "app")
	if err != nil || secret.Data["password"] != "kept" || secret.VersionMetadata.Version != 1 {
		t.Errorf("version 2 has %v, err %v", secret, err)
	}
}

func TestVaultLogins(t *testing.T) {
	t.Parallel()
	vault, db := database(t, nil)
	role := dynamicRole(t, db, nil)
	policy, err := vault.Policy(t.Context(), db.Rules())
	if err != nil {
		t.Fatal(err)
	}
	tokens := testenv.VaultTokenOptions{TTL: 30 * time.Second, MaxTTL: time.Minute, Policies: []string{policy}}
	app, err := vault.AppRole(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	user, err := vault.Userpass(t.Context(), tokens)
	if err != nil {
		t.Fatal(err)
	}
	for path, fields := range map[string]map[string]any{
		"auth/" + app.Mount + "/login":               {"role_id": app.RoleID, "secret_id": app.SecretID},
		"auth/" + user.Mount + "/login/" + user.Name: {"password": user.Password},
	} {
		client := vault.Client()
		client.ClearToken()
		secret, err := client.Logical().WriteWithContext(t.Context(), path, fields)
		if err != nil {
			t.Fatal(err)
		}
		if secret.Auth.LeaseDuration != 30 || !secret.Auth.Renewable {
			t.Errorf("%s: a token of %d s, renewable %v", path, secret.Auth.LeaseDuration, secret.Auth.Renewable)
		}
		client.SetToken(secret.Auth.ClientToken)
		wantRules(t, client, db, role)
	}
}

func wantRules(t *testing.T, client *api.Client, db *testenv.VaultDatabase, role string) {
	t.Helper()
	secret, err := client.Logical().ReadWithContext(t.Context(), db.CredsPath(role))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Sys().RenewWithContext(t.Context(), secret.LeaseID, 10); err != nil {
		t.Error(err)
	}
	_, err = client.Logical().WriteWithContext(t.Context(), "sys/leases/revoke",
		map[string]any{"lease_id": secret.LeaseID, "sync": true})
	if err != nil {
		t.Error(err)
	}
	if _, err := client.Logical().ReadWithContext(t.Context(), db.Mount+"/config/postgres"); status(err) != http.StatusForbidden {
		t.Errorf("the engine's configuration: %v, want 403", err)
	}
}

func TestVaultTokenEndsItsLeases(t *testing.T) {
	t.Parallel()
	vault, db := database(t, nil)
	role := dynamicRole(t, db, nil)
	policy, err := vault.Policy(t.Context(), db.Rules())
	if err != nil {
		t.Fatal(err)
	}
	app, err := vault.AppRole(t.Context(), testenv.VaultTokenOptions{TTL: 5 * time.Second, Policies: []string{policy}})
	if err != nil {
		t.Fatal(err)
	}
	client := vault.Client()
	token, err := client.Logical().WriteWithContext(t.Context(), "auth/"+app.Mount+"/login",
		map[string]any{"role_id": app.RoleID, "secret_id": app.SecretID})
	if err != nil {
		t.Fatal(err)
	}
	client.SetToken(token.Auth.ClientToken)
	secret, err := client.Logical().ReadWithContext(t.Context(), db.CredsPath(role))
	if err != nil {
		t.Fatal(err)
	}
	login := loginOf(secret)
	envtest.Eventually(t, 20*time.Second, func() bool { return !roleExists(t, db, login.User) }, "the token's leases end")
}

func TestVaultIssuesInParallel(t *testing.T) {
	t.Parallel()
	for name, direct := range map[string]bool{"by group": false, "direct": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			vault, db := database(t, nil)
			role := dynamicRole(t, db, &testenv.VaultRoleOptions{Direct: direct})
			client := vault.Client()
			var work sync.WaitGroup
			for range 4 {
				work.Go(func() {
					for range 5 {
						secret, err := client.Logical().ReadWithContext(t.Context(), db.CredsPath(role))
						if err == nil {
							err = client.Sys().RevokeWithOptionsWithContext(t.Context(), revokeNow(secret))
						}
						if err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			work.Wait()
		})
	}
}

func BenchmarkVaultCredential(b *testing.B) {
	vault := envtest.Vault(b)
	db := envtest.VaultDatabase(b, vault, envtest.Issuer(b), nil)
	role, err := db.DynamicRole(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	client := vault.Client()
	for b.Loop() {
		if _, err := client.Logical().ReadWithContext(b.Context(), db.CredsPath(role)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStartVault(b *testing.B) {
	for b.Loop() {
		vault, err := testenv.StartVault(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := vault.Stop(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

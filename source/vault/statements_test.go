package vault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/source"
)

// The tests of this file run what docs/vault.md recommends, as it is written there.

// TestStatements follows a database user from its creation to its end.
func TestStatements(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	role, src := s.role(t, s.document(t).role())
	must(t, s.issuer.Exec(t.Context(), fmt.Sprintf("GRANT CREATE ON SCHEMA app TO %s_app", s.db.Mount)))
	c := fetch(t, src)
	conn := s.connect(t, c)
	for _, sql := range []string{
		"SELECT balance FROM app.accounts", "INSERT INTO app.events (account_id, kind) VALUES (1, 'visit')",
		"CREATE TABLE app.mine (n int)", "INSERT INTO app.mine VALUES (1)",
		fmt.Sprintf("GRANT SELECT ON app.mine TO %s", s.issuer.Owner()),
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	if _, err := conn.Exec(t.Context(), "DROP TABLE app.accounts"); stateOf(err) != "42501" {
		t.Errorf("dropping what is the owner's: %v", err)
	}

	before := s.validUntil(t, c)
	<-time.After(1100 * time.Millisecond) // Vault counts in seconds
	if _, err := src.Renew(t.Context(), c); err != nil {
		t.Error(err)
	}
	if after := s.validUntil(t, c); !after.After(before) {
		t.Errorf("VALID UNTIL was %v before the renewal and is %v", before, after)
	}

	must(t, src.Retire(t.Context(), c))
	if leases := s.leases(t, role); len(leases) > 0 || s.users(t, role) > 0 {
		t.Errorf("left: %d leases, %d users", len(leases), s.users(t, role))
	}
	if owner := scalar[string](t, s, "SELECT tableowner FROM pg_tables WHERE tablename = 'mine'"); owner != s.issuer.Owner() {
		t.Errorf("the user's table belongs to %s", owner)
	}
	if rows := scalar[int](t, s, "SELECT count(*) FROM app.mine"); rows != 1 {
		t.Errorf("the user's table has %d rows", rows)
	}
}

// connect logs in with a credential. The connection is closed when the test ends.
func (s *site) connect(t testing.TB, c source.Credential) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.issuer.Database().DSN(c.Username, c.Password.Reveal()))
	must(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func (s *site) validUntil(t testing.TB, c source.Credential) time.Time {
	t.Helper()
	return scalar[time.Time](t, s, "SELECT rolvaliduntil FROM pg_roles WHERE rolname = $1", c.Username)
}

// stateOf is the SQLSTATE of an error of the server's, if it is one.
func stateOf(err error) string {
	var answer *pgconn.PgError
	errors.As(err, &answer)
	if answer == nil {
		return ""
	}
	return answer.Code
}

// TestStatementsPolicy: the policy is enough for a source, and good for nothing else.
func TestStatementsPolicy(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	d := s.document(t)
	opts := d.role()
	role, err := s.db.DynamicRole(t.Context(), &opts)
	must(t, err)
	s.permit(t, d.policyFor(role), testenv.VaultTokenOptions{})
	src, err := s.login(t).Dynamic(s.db.Mount, role, nil)
	must(t, err)
	c := fetch(t, src)
	_, err = src.Renew(t.Context(), c)
	must(t, err)
	must(t, src.Retire(t.Context(), c))

	want := map[string]string{
		s.db.CredsPath(role): "read", s.db.StaticCredsPath(role): "read", "secret/data/app/db": "read",
		"sys/leases/renew": "update", "sys/leases/revoke": "update",
	}
	paths := append(s.paths(t, role), s.paths(t, "other")...)
	if got := s.permitted(t, append(paths, "secret/data/app/db", "secret/data/other")); !maps.Equal(got, want) {
		t.Errorf("of %d paths it permits %v, want %v", len(paths), got, want)
	}
}

// paths returns every path that the server's interface has, with a name in all places for one.
func (s *site) paths(t testing.TB, name string) (paths []string) {
	t.Helper()
	answer, err := s.server.Client().Logical().ReadRawWithContext(t.Context(), "sys/internal/specs/openapi")
	must(t, err)
	defer answer.Body.Close()
	var spec struct{ Paths map[string]any }
	must(t, json.NewDecoder(answer.Body).Decode(&spec))
	for path := range spec.Paths {
		paths = append(paths, strings.TrimPrefix(regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, name), "/"))
	}
	if !slices.Contains(paths, s.db.CredsPath(name)) {
		t.Fatalf("the server says nothing of %s", s.db.CredsPath(name))
	}
	return paths
}

// permitted returns what the site's policy alone permits, by path.
func (s *site) permitted(t testing.TB, paths []string) map[string]string {
	t.Helper()
	root := s.server.Client()
	token, err := root.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{s.policy}, NoDefaultPolicy: true})
	must(t, err)
	answer, err := root.Logical().WriteWithContext(t.Context(), "sys/capabilities",
		map[string]any{"token": token.Auth.ClientToken, "paths": paths})
	must(t, err)
	permitted := map[string]string{}
	for _, path := range paths {
		if can := strings.Trim(fmt.Sprint(answer.Data[path]), "[]"); can != "deny" {
			permitted[path] = can
		}
	}
	return permitted
}

// TestStatementsInServerLog: PostgreSQL writes a statement that fails to its log. With the documented setting there is no
// password in it; without, there is.
func TestStatementsInServerLog(t *testing.T) {
	s := newSite(t, envtest.Vault(t), testenv.VaultTokenOptions{})
	d := s.document(t)
	opts := d.role()
	opts.Creation = []string{strings.ReplaceAll(d.create, s.db.Mount+"_app", "nobody_has_made_this_group")}
	_, src := s.role(t, opts)
	for setting, hidden := range map[string]bool{d.passwordAuthentication: true, "password": false} {
		config := map[string]any{"password_authentication": setting}
		_, err := s.server.Client().Logical().WriteWithContext(t.Context(), s.db.Mount+"/config/postgres", config)
		must(t, err)
		log, err := s.issuer.Database().Server.LogOffset()
		must(t, err)
		if _, err := src.Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Fatalf("%s: the creation statement did not fail as it should: %v", setting, err)
		}
		for _, password := range s.passwordsLogged(t, log) {
			if verifier := strings.HasPrefix(password, "SCRAM-SHA-256$4096:"); verifier != hidden {
				t.Errorf("%s: in the log there is a verifier in place of the password: %v, want %v", setting, verifier, hidden)
			}
		}
	}
}

// passwordsLogged returns what stands in a password's place in the statements that failed.
func (s *site) passwordsLogged(t testing.TB, since int64) (passwords []string) {
	t.Helper()
	log, err := s.issuer.Database().Server.LogSince(since)
	must(t, err)
	_, failed, _ := strings.Cut(log, "nobody_has_made_this_group\" does not exist")
	for _, found := range regexp.MustCompile(`LOGIN PASSWORD '([^']*)'`).FindAllStringSubmatch(failed, -1) {
		passwords = append(passwords, found[1])
	}
	if len(passwords) == 0 {
		t.Fatalf("the log does not show the statement that failed:\n%s", log)
	}
	return passwords
}

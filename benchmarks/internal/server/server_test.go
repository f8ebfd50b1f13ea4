package server

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestGivenServer takes the way of -dsn and looks for what is left behind.
func TestGivenServer(t *testing.T) {
	ctx := t.Context()
	owner, err := Open(ctx, "")
	must(t, err)
	defer owner.Close()
	s, err := Open(ctx, owner.adminDSN)
	must(t, err)
	roles := s.NewRoles()
	login, err := roles.Issue(ctx, RoleOptions{ConnectionLimit: 5, ValidUntil: time.Now().Add(time.Hour)})
	must(t, err)
	census, err := roles.StartCensus(ctx)
	must(t, err)
	conn, err := pgx.Connect(ctx, s.DSN(login))
	must(t, err)
	var balance int64
	must(t, conn.QueryRow(ctx, s.Query(), Rows).Scan(&balance))
	must(t, conn.QueryRow(ctx, s.SlowQuery(30*time.Millisecond), 1).Scan(&balance))
	counts, err := census.Stop(time.Now().Add(-time.Hour))
	must(t, err)
	if Most(counts) != 1 {
		t.Errorf("%d sessions, want 1", Most(counts))
	}
	must(t, roles.Kill(ctx))
	if err := conn.QueryRow(ctx, s.Query(), 1).Scan(&balance); err == nil {
		t.Error("a killed session answered")
	}
	changed, err := roles.ChangePassword(ctx, login)
	must(t, err)
	if conn, err := pgx.Connect(ctx, s.DSN(login)); err == nil {
		conn.Close(ctx)
		t.Error("the password before the change works")
	}
	_, err = pgx.Connect(ctx, s.DSN(changed)) // stays
	must(t, err)
	another, err := roles.Issue(ctx, RoleOptions{})
	must(t, err)
	must(t, roles.Revoke(ctx, another))

	name := s.name
	must(t, s.Close()) // drops a role that is logged in
	admin, err := owner.Admin(ctx)
	must(t, err)
	defer admin.Close(context.Background())
	var left int
	must(t, admin.QueryRow(ctx, `select (select count(*) from pg_roles where starts_with(rolname, $1))
		+ (select count(*) from pg_namespace where starts_with(nspname, $1))`, name).Scan(&left))
	if left != 0 {
		t.Errorf("%d roles or schemas are left", left)
	}
}

func TestWithLogin(t *testing.T) {
	login := Login{User: "u", Password: "p"}
	for _, dsn := range []string{
		"host=h port=5433 user=admin password='a b' dbname=d sslmode=disable",
		"postgres://admin:secret@h:5433/d?sslmode=disable",
		"postgresql://h:5433/d?user=admin&password=secret&sslmode=disable",
	} {
		config, err := pgx.ParseConfig(withLogin(dsn, login))
		must(t, err)
		if config.User != "u" || config.Password != "p" || config.Host != "h" || config.Port != 5433 || config.Database != "d" {
			t.Errorf("%s became %s@%s:%d/%s", dsn, config.User, config.Host, config.Port, config.Database)
		}
	}
}

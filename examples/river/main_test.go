package main

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/rekeyhq/rekey/examples/internal/turns"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

func TestThreeRotations(t *testing.T) {
	envtest.NoLeak(t)
	issuer := envtest.Issuer(t)
	migrate(t, issuer)
	turns.Three(t, issuer, func(login testenv.Login) {
		err := issuer.Exec(t.Context(), fmt.Sprintf(`GRANT USAGE ON SCHEMA river TO %[1]q;
			GRANT ALL ON ALL TABLES IN SCHEMA river TO %[1]q;
			GRANT ALL ON ALL SEQUENCES IN SCHEMA river TO %[1]q`, login.User))
		if err != nil {
			t.Fatal(err)
		}
	}, serve)
}

// migrate makes River's tables, as a deployment would.
func migrate(t *testing.T, issuer *testenv.Issuer) {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), issuer.Database().AdminDSN())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "create schema river"); err != nil {
		t.Fatal(err)
	}
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.Migrate(t.Context(), rivermigrate.DirectionUp, nil); err != nil {
		t.Fatal(err)
	}
}

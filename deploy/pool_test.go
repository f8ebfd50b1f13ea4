package deploy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/otelrekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
	"github.com/rekeyhq/rekey/source"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// newPool makes a pool on a real server, with all that can be seen of it: others are tracers in front of rekey's own.
func newPool(t *testing.T, telemetry *otelrekey.Telemetry, others ...pgx.QueryTracer) *managedpool.Pool {
	t.Helper()
	ctx := context.Background()
	issuer := envtest.Issuer(t)
	connections, err := conntrace.New(telemetry, &conntrace.Options{Every: 1})
	if err != nil {
		t.Fatal(err)
	}
	config, err := managedpool.ParseConfig(issuer.DSN(testenv.Login{User: "nobody"}))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = multitracer.New(append(others, connections)...)
	pool, err := managedpool.NewWithConfig(ctx, config, source.Func(func(ctx context.Context) (source.Credential, error) {
		login, err := issuer.Issue(ctx)
		return source.Credential{
			Username: login.User, Password: source.NewSecret(login.Password), ExpiresAt: time.Now().Add(time.Hour),
		}, err
	}), &managedpool.Options{OnEvent: telemetry.OnEvent})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := telemetry.Observe(pool); err != nil {
		t.Fatal(err)
	}
	return pool
}

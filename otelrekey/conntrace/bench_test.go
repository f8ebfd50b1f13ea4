package conntrace_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/otelrekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
	"github.com/rekeyhq/rekey/source"
)

// variant is a pool with more or less telemetry.
type variant struct {
	name        string
	observed    bool // by otelrekey
	connections bool // by conntrace
	every       int
	provider    metric.MeterProvider
}

func variants() []variant {
	recording := func() metric.MeterProvider { return sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader())) }
	return []variant{
		{name: "off"},
		{name: "otelrekey", observed: true, provider: recording()},
		{name: "conntrace", observed: true, connections: true, provider: recording()},
		{name: "conntrace-all", observed: true, connections: true, every: 1, provider: recording()},
		{name: "conntrace-noop", observed: true, connections: true, every: 1, provider: noop.NewMeterProvider()},
	}
}

func newPool(tb testing.TB, v variant) *managedpool.Pool {
	tb.Helper()
	issuer := envtest.Issuer(tb)
	ctx := context.Background()
	login, err := issuer.Issue(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	config, err := managedpool.ParseConfig(issuer.DSN(login))
	if err != nil {
		tb.Fatal(err)
	}
	opts := &managedpool.Options{}
	var telemetry *otelrekey.Telemetry
	if v.observed {
		telemetry, err = otelrekey.New(otelrekey.Options{Pool: "orders", Source: "fake", MeterProvider: v.provider})
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { telemetry.Close() })
		opts.OnEvent = telemetry.OnEvent
	}
	if v.connections {
		tracer, err := conntrace.New(telemetry, &conntrace.Options{Every: v.every})
		if err != nil {
			tb.Fatal(err)
		}
		config.ConnConfig.Tracer = tracer
	}
	pool, err := managedpool.NewWithConfig(ctx, config, source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}, nil
	}), opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	if v.observed {
		if err := telemetry.Observe(pool); err != nil {
			tb.Fatal(err)
		}
	}
	return pool
}

func acquire(tb testing.TB, pool *managedpool.Pool) {
	c, err := pool.Acquire(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	c.Release()
}

// BenchmarkAcquire is Acquire and Release with more or less telemetry. The order of the variants matters on a machine that
// others use, too: see BenchmarkRatio.
func BenchmarkAcquire(b *testing.B) {
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			pool := newPool(b, v)
			acquire(b, pool)
			b.ReportAllocs()
			for b.Loop() {
				acquire(b, pool)
			}
		})
	}
}

// BenchmarkRatio interleaves short runs of all variants and reports the median of each one's ratio to none, so that a
// machine that is slow for a while is slow for all.
func BenchmarkRatio(b *testing.B) {
	all := variants()
	pools := make([]*managedpool.Pool, len(all))
	for i, v := range all {
		pools[i] = newPool(b, v)
		acquire(b, pools[i])
	}
	const turns = 2000
	ratios := make([][]float64, len(all))
	for b.Loop() {
		times := make([]time.Duration, len(all))
		for i, pool := range pools {
			began := time.Now()
			for range turns {
				acquire(b, pool)
			}
			times[i] = time.Since(began)
		}
		for i := range all {
			ratios[i] = append(ratios[i], float64(times[i])/float64(times[0]))
		}
	}
	for i, v := range all {
		slices.Sort(ratios[i])
		b.ReportMetric(ratios[i][len(ratios[i])/2], fmt.Sprintf("%s/off", v.name))
	}
}

package deploy_test

import (
	"context"
	"testing"
	"time"

	"github.com/exaring/otelpgx"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/otelrekey"
)

// TestBesideOtelpgx: a query's spans are otelpgx's, in the caller's trace; those of a rotation are in their own; and
// neither disturbs the other.
func TestBesideOtelpgx(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(trace.WithSpanProcessor(spans))
	telemetry, err := otelrekey.New(otelrekey.Options{
		Pool: "orders", Source: "fake", TracerProvider: provider, MeterProvider: metric.NewMeterProvider(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer telemetry.Close()
	pool := newPool(t, telemetry, otelpgx.NewTracer(otelpgx.WithTracerProvider(provider)))
	if err := pool.Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	envtest.Eventually(t, 20*time.Second, func() bool {
		s := pool.Status()
		return s.Generation == 2 && len(s.Draining) == 0
	}, "the pool has rotated")
	ctx, caller := provider.Tracer("test").Start(context.Background(), "request")
	if _, err := pool.Exec(ctx, "select 1"); err != nil {
		t.Fatal(err)
	}
	caller.End()

	queries, refreshes, connects, linked := 0, 0, 0, 0
	for _, s := range spans.Ended() {
		switch {
		case s.Name() == "rekey.refresh":
			refreshes++
			if s.SpanContext().TraceID() == caller.SpanContext().TraceID() {
				t.Error("a refresh is in the trace of a caller")
			}
		case s.Name() == "rekey.connect":
			connects++
			linked += len(s.Links())
		case s.InstrumentationScope().Name == "github.com/exaring/otelpgx" && s.Parent().SpanID() == caller.SpanContext().SpanID():
			queries++
		}
	}
	if queries == 0 || refreshes != 2 || linked != connects {
		t.Errorf("%d spans of otelpgx in the caller's, %d refreshes, %d links", queries, refreshes, linked)
		for _, s := range spans.Ended() {
			t.Logf("%s (%s) below %s: %v", s.Name(), s.InstrumentationScope().Name, s.Parent().SpanID(), s.Attributes())
		}
	}
}

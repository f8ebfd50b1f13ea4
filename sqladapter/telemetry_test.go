package sqladapter_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/otelrekey"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestTelemetry: a DB is seen by otelrekey as a pool is: its connections, by state and by generation, its refreshes,
// hand-overs and drains.
func TestTelemetry(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		reader, spans := metric.NewManualReader(), tracetest.NewSpanRecorder()
		telemetry, err := otelrekey.New(otelrekey.Options{
			Pool: "orders", Source: "fake",
			MeterProvider:  metric.NewMeterProvider(metric.WithReader(reader)),
			TracerProvider: trace.NewTracerProvider(trace.WithSpanProcessor(spans)),
		})
		must(t, err)
		defer telemetry.Close()
		r := newRig(t, k, func(c *sqladapter.Config) {
			write := c.OnEvent
			c.OnEvent = func(e rekey.Event) { write(e); telemetry.OnEvent(e) }
		})
		must(t, telemetry.Observe(r.db))
		r.warm(t, 3)
		r.rotate(t)
		r.adoptedLast(t, patience)
		held, err := r.db.Conn(t.Context())
		must(t, err)
		defer held.Close()
		envtest.Eventually(t, patience, func() bool {
			return value(t, reader, "rekey.hand_over.duration") == 1 && value(t, reader, "rekey.drain.duration") == 1
		}, "the hand-over and the drain are measured")
		for name, want := range map[string]float64{
			"db.client.connection.max": poolSize, "rekey.credential.generation": 2, "rekey.connection.usable": float64(r.db.Status().Usable),
		} {
			if got := value(t, reader, name); got != want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		used := value(t, reader, "db.client.connection.count", attribute.String("db.client.connection.state", "used"))
		current := value(t, reader, "rekey.connection.count", attribute.String("rekey.generation.role", "current"))
		if used < 1 || current < 1 || value(t, reader, "rekey.acquire.count") < 4 {
			t.Errorf("used %v, of the generation in use %v, acquires %v", used, current, value(t, reader, "rekey.acquire.count"))
		}
		kinds := map[string]bool{}
		for _, s := range spans.Ended() {
			kinds[s.Name()] = true
		}
		if !kinds["rekey.refresh"] || !kinds["rekey.verify"] || !kinds["rekey.hand_over"] {
			t.Errorf("spans: %v", kinds)
		}
	})
}

// value is that of one metric, the sum of those with the attributes; of a histogram, the count.
func value(t testing.TB, reader metric.Reader, name string, attributes ...attribute.KeyValue) (sum float64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	must(t, reader.Collect(t.Context(), &all))
	has := func(set attribute.Set) float64 {
		for _, a := range attributes {
			if v, ok := set.Value(a.Key); !ok || v != a.Value {
				return 0
			}
		}
		return 1
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != name {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					sum += float64(p.Value) * has(p.Attributes)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					sum += float64(p.Value) * has(p.Attributes)
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					sum += float64(p.Count) * has(p.Attributes)
				}
			}
		}
	}
	return sum
}

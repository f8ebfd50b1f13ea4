package otelrekey_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rekeyhq/rekey/otelrekey"
)

// rig is a Telemetry whose metrics and spans a test can read.
type rig struct {
	*otelrekey.Telemetry
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{reader: metric.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	telemetry, err := otelrekey.New(otelrekey.Options{
		Pool: "orders", Source: "fake",
		MeterProvider:  metric.NewMeterProvider(metric.WithReader(r.reader)),
		TracerProvider: trace.NewTracerProvider(trace.WithSpanProcessor(r.spans)),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Telemetry = telemetry
	t.Cleanup(func() {
		if err := telemetry.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return r
}

// point is one series: a metric with one set of attributes.
type point struct {
	name, kind, unit string
	attributes       attribute.Set
	value            float64 // of a histogram, the count
	sum              float64 // of a histogram
}

// read collects all metrics.
func (r *rig) read(t testing.TB) (points []point) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		t.Fatalf("collecting metrics: %v", err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			points = append(points, pointsOf(t, m)...)
		}
	}
	return points
}

func pointsOf(t testing.TB, m metricdata.Metrics) (points []point) {
	t.Helper()
	add := func(kind string, attributes attribute.Set, value float64) {
		points = append(points, point{m.Name, kind, m.Unit, attributes, value, 0})
	}
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			add(kindOf(data.IsMonotonic), p.Attributes, float64(p.Value))
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			add(kindOf(data.IsMonotonic), p.Attributes, p.Value)
		}
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			add("gauge", p.Attributes, float64(p.Value))
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			add("gauge", p.Attributes, p.Value)
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			add("histogram", p.Attributes, float64(p.Count))
			points[len(points)-1].sum = p.Sum
		}
	default:
		t.Errorf("%s is a %T", m.Name, data)
	}
	return points
}

func kindOf(monotonic bool) string {
	if monotonic {
		return "counter"
	}
	return "updowncounter"
}

// value is what a metric says, over all series with these attributes.
func value(points []point, name string, attributes ...attribute.KeyValue) (sum float64, found bool) {
	for _, p := range points {
		if p.name == name && has(p.attributes, attributes) {
			sum += p.value
			found = true
		}
	}
	return sum, found
}

// sum is that of a histogram, over all series with these attributes.
func sum(points []point, name string, attributes ...attribute.KeyValue) (sum float64) {
	for _, p := range points {
		if p.name == name && has(p.attributes, attributes) {
			sum += p.sum
		}
	}
	return sum
}

func has(set attribute.Set, attributes []attribute.KeyValue) bool {
	for _, a := range attributes {
		if v, ok := set.Value(a.Key); !ok || v != a.Value {
			return false
		}
	}
	return true
}

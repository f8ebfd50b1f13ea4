package otelrekey_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"

	"github.com/rekeyhq/rekey/otelrekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
)

func TestOptionsAreChecked(t *testing.T) {
	for field, opts := range map[string]otelrekey.Options{
		"Options.Pool": {Source: "fake"}, "Options.Source": {Pool: "orders"},
	} {
		if _, err := otelrekey.New(opts); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("error %v, want one that names %s", err, field)
		}
	}
	telemetry := newRig(t).Telemetry
	if _, err := conntrace.New(telemetry, &conntrace.Options{Every: -1}); err == nil || !strings.Contains(err.Error(), "Options.Every") {
		t.Errorf("error %v", err)
	}
	if _, err := conntrace.New(nil, nil); err == nil {
		t.Error("no error without a Telemetry")
	}
}

// TestClose ends what is observed, once for all.
func TestClose(t *testing.T) {
	r := newRig(t)
	if err := r.Observe(&rotating{generation: 1}); err != nil {
		t.Fatal(err)
	}
	if err := r.Observe(&rotating{}); err == nil {
		t.Error("observes a second pool")
	}
	if _, found := value(r.read(t), "rekey.pool.state"); !found {
		t.Error("shows no state")
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if got, found := value(r.read(t), "rekey.pool.state"); found {
		t.Errorf("shows the state %v after Close", got)
	}
	if _, err := conntrace.New(r.Telemetry, nil); err == nil {
		t.Error("measures connections after Close")
	}
}

// TestObserveAgain: what could not be observed can be, once that is mended.
func TestObserveAgain(t *testing.T) {
	r := newRig(t)
	var none *rotating
	for _, pool := range []otelrekey.Pool{nil, none} {
		if err := r.Observe(pool); err == nil {
			t.Errorf("observes %#v", pool)
		}
	}
	failing := &failingProvider{MeterProvider: noop.NewMeterProvider(), fail: true}
	telemetry, err := otelrekey.New(otelrekey.Options{Pool: "orders", Source: "fake", MeterProvider: failing})
	if err != nil {
		t.Fatal(err)
	}
	defer telemetry.Close()
	if err := telemetry.Observe(&rotating{}); err == nil {
		t.Error("observes what cannot be registered")
	}
	failing.fail = false
	if err := telemetry.Observe(&rotating{}); err != nil {
		t.Errorf("the second time: %v", err)
	}
}

// failingProvider's meters register no callback while it fails.
type failingProvider struct {
	metric.MeterProvider
	fail bool
}

func (p *failingProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return &failingMeter{p.MeterProvider.Meter(name, opts...), p}
}

type failingMeter struct {
	metric.Meter
	provider *failingProvider
}

func (m *failingMeter) RegisterCallback(f metric.Callback, of ...metric.Observable) (metric.Registration, error) {
	if m.provider.fail {
		return nil, errors.New("no callback")
	}
	return m.Meter.RegisterCallback(f, of...)
}

// TestNobodyTells: without events a span waits for its refresh for a while, not for ever.
func TestNobodyTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []error
		otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { told = append(told, err) }))
		r := newRig(t)
		for range 2 {
			_, span := r.Tracer().Start(context.Background(), "rekey.connect")
			r.EndLinked(span, 1, time.Now())
		}
		if n := len(r.spans.Ended()); n != 0 {
			t.Errorf("%d spans have ended before anything was told", n)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(r.spans.Ended()); n != 2 {
			t.Errorf("%d of 2 spans have ended", n)
		}
		if len(told) != 1 || !strings.Contains(told[0].Error(), "OnEvent") {
			t.Errorf("told %v", told)
		}
	})
}

// TestScope: who has exported it, and by which conventions.
func TestScope(t *testing.T) {
	r := newRig(t)
	(&rotating{}).rotate(r.OnEvent)
	for _, span := range r.spans.Ended() {
		if of := span.InstrumentationScope(); of.SchemaURL != "https://opentelemetry.io/schemas/1.43.0" || of.Name == "" {
			t.Fatalf("scope %+v", of)
		}
	}
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, of := range all.ScopeMetrics {
		if of.Scope.SchemaURL != "https://opentelemetry.io/schemas/1.43.0" {
			t.Errorf("scope %+v", of.Scope)
		}
	}
}

// sampler remembers the attributes that spans begin with.
type sampler struct{ begun map[string]int }

func (s *sampler) ShouldSample(p trace.SamplingParameters) trace.SamplingResult {
	s.begun[p.Name] = len(p.Attributes)
	return trace.SamplingResult{Decision: trace.Drop}
}

func (s *sampler) Description() string { return "remembers" }

// TestAttributesAtStart: a sampler can go by them.
func TestAttributesAtStart(t *testing.T) {
	s := &sampler{begun: map[string]int{}}
	telemetry, err := otelrekey.New(otelrekey.Options{
		Pool: "orders", Source: "fake", TracerProvider: trace.NewTracerProvider(trace.WithSampler(s)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer telemetry.Close()
	(&rotating{}).rotate(telemetry.OnEvent)
	for _, name := range []string{"rekey.refresh", "rekey.fetch", "rekey.verify", "rekey.hand_over", "rekey.drain"} {
		if s.begun[name] < 3 {
			t.Errorf("%s begins with %d attributes", name, s.begun[name])
		}
	}
}

// TestWithoutProvider: the global providers of a program that has none do nothing.
func TestWithoutProvider(t *testing.T) {
	telemetry, err := otelrekey.New(otelrekey.Options{Pool: "orders", Source: "fake"})
	if err != nil {
		t.Fatal(err)
	}
	pool := &rotating{}
	if err := telemetry.Observe(pool); err != nil {
		t.Fatal(err)
	}
	pool.rotate(telemetry.OnEvent)
	if err := telemetry.Close(); err != nil {
		t.Error(err)
	}
}

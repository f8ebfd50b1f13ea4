// Package otelrekey tells OpenTelemetry of a pool: metrics of its credential and its connections, and a trace of every
// refresh. docs/observability.md lists them all.
//
//	telemetry, err := otelrekey.New(otelrekey.Options{Pool: "orders", Source: "vault"})
//	...
//	pool, err := managedpool.New(ctx, dsn, src, &managedpool.Options{OnEvent: telemetry.OnEvent})
//	...
//	err = telemetry.Observe(pool)
//	defer telemetry.Close()
//
// Nothing of it is on the way of a query, an acquire or a release: events come from the pool's own goroutine, and what
// is observed is asked for by the reader of the metrics. Package otelrekey/conntrace measures single connections and
// acquires, on request.
//
// Attributes are few and take few values. A generation, a version or a username is never one of a metric, because there is a new
// one with each rotation; spans carry them.
package otelrekey

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey"
)

const (
	// scope is the name of the instrumentation, for meters and tracers.
	scope = "github.com/rekeyhq/rekey/otelrekey"
	// schema is that of the semantic conventions which names without "rekey." follow.
	schema = "https://opentelemetry.io/schemas/1.43.0"
)

// Pool is what can be observed, such as a *managedpool.Pool or a *sqladapter.DB.
type Pool interface {
	Status() rekey.Status
}

// Telemetry tells OpenTelemetry of one pool. Its methods are safe for concurrent use.
type Telemetry struct {
	options Options
	meter   metric.Meter
	common  attribute.Set // the names of pool and source
	counts  *counts
	tracing *tracing

	mu            sync.Mutex // guards what follows
	registrations []metric.Registration
	observed      bool // a pool is observed
	closed        bool
}

// New makes a Telemetry. It fails where a field of opts is missing, or the provider refuses an instrument.
func New(opts Options) (*Telemetry, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts = opts.withDefaults()
	t := &Telemetry{
		options: opts,
		meter:   opts.MeterProvider.Meter(scope, metric.WithInstrumentationVersion(version()), metric.WithSchemaURL(schema)),
		common:  attribute.NewSet(poolKey.String(opts.Pool), sourceKey.String(opts.Source)),
	}
	counts, err := newCounts(t.meter, t.common)
	if err != nil {
		return nil, fmt.Errorf("otelrekey: %w", err)
	}
	t.counts = counts
	tracer := opts.TracerProvider.Tracer(scope, trace.WithInstrumentationVersion(version()), trace.WithSchemaURL(schema))
	t.tracing = newTracing(tracer, t.common)
	return t, nil
}

// OnEvent takes a pool's events: it is for the pool's Options. It does not block.
func (t *Telemetry) OnEvent(e rekey.Event) {
	t.counts.count(e)
	t.tracing.trace(e)
}

// Observe makes the reader of the metrics see what pool is like, from now on until Close. A pool that has a method
// PoolStats() rekey.PoolStats shows its connections, too. It fails when it is called for a second pool.
func (t *Telemetry) Observe(pool Pool) error {
	if isNil(pool) {
		return errors.New("otelrekey: pool is nil")
	}
	if t.setObserved(true) {
		return errors.New("otelrekey: a pool is observed already: one Telemetry is for one pool")
	}
	if err := t.observe(pool); err != nil {
		t.setObserved(false)
		return err
	}
	return nil
}

func (t *Telemetry) observe(pool Pool) error {
	o, err := newObserved(t.meter, pool, t.common, t.options.Pool)
	if err != nil {
		return fmt.Errorf("otelrekey: %w", err)
	}
	return t.Register(o.observe, o.instruments()...)
}

// isNil also finds a nil pointer, such as that of a pool that could not be made.
func isNil(pool Pool) bool {
	v := reflect.ValueOf(pool)
	return !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil()
}

// setObserved returns what it was before.
func (t *Telemetry) setObserved(observed bool) (before bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before = t.observed
	t.observed = observed
	return before
}

// Register is the meter's RegisterCallback, until Close.
func (t *Telemetry) Register(callback metric.Callback, instruments ...metric.Observable) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errors.New("otelrekey: the Telemetry is closed")
	}
	r, err := t.meter.RegisterCallback(callback, instruments...)
	if err != nil {
		return fmt.Errorf("otelrekey: %w", err)
	}
	t.registrations = append(t.registrations, r)
	return nil
}

// EndLinked ends a span, at the given time, with a link to the refresh that adopted a generation. Where that is not told to have ended yet,
// the span is exported when it is, or after a few seconds without the link.
func (t *Telemetry) EndLinked(span trace.Span, generation uint64, ended time.Time) {
	t.tracing.endLinked(waiting{span: span, generation: generation, ended: ended})
}

// Close ends what Observe and Register have begun: the pool is not asked any more, and its gauges end. It may be called again, before
// or after the pool is closed.
func (t *Telemetry) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	t.tracing.close()
	var errs []error
	for _, r := range t.registrations {
		errs = append(errs, r.Unregister())
	}
	t.registrations = nil
	return errors.Join(errs...)
}

// RefreshOf returns the span of the refresh that adopted a generation, so that other spans can be linked to it. It is not
// valid for one that is long gone, or was not traced.
func (t *Telemetry) RefreshOf(generation uint64) trace.SpanContext {
	return t.tracing.refreshOf(generation)
}

// Meter, Tracer and Attributes are for packages that measure more of the same pool.
func (t *Telemetry) Meter() metric.Meter { return t.meter }

// Tracer is the one that refreshes are traced with.
func (t *Telemetry) Tracer() trace.Tracer { return t.tracing.tracer }

// Attributes are those of everything that is told of the pool: its name and that of its source.
func (t *Telemetry) Attributes() attribute.Set { return t.common }

// Package conntrace measures single connections and acquires of a managedpool, where package otelrekey looks at the pool
// from outside: how long connections take to be made, are waited for and are used, how many callers wait, and a span for
// each connection made, linked to the refresh that its credential came from.
//
// Its Tracer goes where pgx takes one; beside others, such as otelpgx, in pgx's multitracer:
//
//	connections, err := conntrace.New(telemetry, nil)
//	...
//	config.ConnConfig.Tracer = multitracer.New(otelpgx.NewTracer(), connections)
//	pool, err := managedpool.NewWithConfig(ctx, config, src, &managedpool.Options{OnEvent: telemetry.OnEvent})
//
// Every acquire is counted while it waits, and one in many is timed: Options.Every.
package conntrace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/otelrekey"
)

// DefaultEvery is the default of Options.Every.
const DefaultEvery = 64

// Options says how much is measured. The zero value, and a nil *Options, mean the defaults.
type Options struct {
	// Every is of how many acquires one is timed, chosen at random: quantiles and means stay what they are, counts
	// are of the timed ones. 1 times all of them. Defaults to 64.
	Every int
}

// poolKey is the attribute of OpenTelemetry's own metrics.
const poolKey = attribute.Key("db.client.connection.pool.name")

// Tracer measures the connections and acquires of one pool. It is a pgx.QueryTracer that takes no notice of queries. It is
// safe for concurrent use.
type Tracer struct {
	telemetry *otelrekey.Telemetry
	every     uint32
	pool      []metric.RecordOption // its name
	spans     []attribute.KeyValue

	pending atomic.Int64 // acquires under way
	timed   atomic.Int64 // of those
	used    atomic.Int64 // timed connections that are with their users

	createTime, waitTime, useTime metric.Float64Histogram
}

// The interfaces that pgx and pgxpool look for.
var (
	_ pgx.QueryTracer       = (*Tracer)(nil)
	_ pgx.ConnectTracer     = (*Tracer)(nil)
	_ pgxpool.AcquireTracer = (*Tracer)(nil)
	_ pgxpool.ReleaseTracer = (*Tracer)(nil)
)

// short are the bounds of the histograms: an acquire of an idle connection takes microseconds.
var short = metric.WithExplicitBucketBoundaries(.00001, .0001, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10)

// New makes a Tracer for the pool that telemetry is for.
func New(telemetry *otelrekey.Telemetry, opts *Options) (*Tracer, error) {
	if telemetry == nil {
		return nil, errors.New("conntrace: telemetry is nil")
	}
	every := DefaultEvery
	if opts != nil && opts.Every != 0 {
		every = opts.Every
	}
	if every < 0 {
		return nil, fmt.Errorf("conntrace: Options.Every must not be negative, is %d", every)
	}
	attributes := telemetry.Attributes()
	name, _ := attributes.Value(poolKey)
	set := attribute.NewSet(attribute.KeyValue{Key: poolKey, Value: name})
	t := &Tracer{
		telemetry: telemetry, every: uint32(every), spans: attributes.ToSlice(),
		pool: []metric.RecordOption{metric.WithAttributeSet(set)},
	}
	pending, err := t.makeInstruments(telemetry.Meter())
	if err != nil {
		return nil, fmt.Errorf("conntrace: %w", err)
	}
	err = telemetry.Register(func(_ context.Context, to metric.Observer) error {
		to.ObserveInt64(pending, t.pending.Load(), metric.WithAttributeSet(set))
		return nil
	}, pending)
	if err != nil {
		return nil, fmt.Errorf("conntrace: %w", err)
	}
	return t, nil
}

func (t *Tracer) makeInstruments(meter metric.Meter) (pending metric.Int64ObservableUpDownCounter, err error) {
	var errs []error
	histogram := func(name, description string) metric.Float64Histogram {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), short)
		errs = append(errs, err)
		return h
	}
	t.createTime = histogram("db.client.connection.create_time", "The time it took to create a new connection.")
	t.waitTime = histogram("db.client.connection.wait_time", "The time it took to obtain an open connection from the pool.")
	t.useTime = histogram("db.client.connection.use_time", "The time between borrowing a connection and returning it to the pool.")
	pending, err = meter.Int64ObservableUpDownCounter("db.client.connection.pending_requests", metric.WithUnit("{request}"),
		metric.WithDescription("The number of current pending requests for an open connection."))
	return pending, errors.Join(append(errs, err)...)
}

// TraceQueryStart does nothing.
func (t *Tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (t *Tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceAcquireStart counts an acquire, and begins to time one in Options.Every.
func (t *Tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	t.pending.Add(1)
	if t.every > 1 && rand.Uint32N(t.every) != 0 {
		return ctx
	}
	if !t.waitTime.Enabled(ctx) {
		return ctx
	}
	t.timed.Add(1)
	return &timed{Context: ctx, tracer: t, from: time.Now()}
}

// TraceAcquireEnd ends what TraceAcquireStart has begun.
func (t *Tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.pending.Add(-1)
	if t.timed.Load() == 0 {
		return
	}
	a, _ := ctx.Value(timedKey{t}).(*timed)
	if a == nil {
		return
	}
	t.timed.Add(-1)
	if data.Conn == nil {
		return
	}
	now := time.Now()
	t.waitTime.Record(ctx, now.Sub(a.from).Seconds(), t.pool...)
	data.Conn.PgConn().CustomData()[usedSince] = now
	t.used.Add(1)
}

// usedSince is where a connection says since when it is used, if that is measured.
const usedSince = "github.com/rekeyhq/rekey/otelrekey/conntrace"

// TraceRelease ends the use of a connection.
func (t *Tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t.used.Load() == 0 {
		return
	}
	notes := data.Conn.PgConn().CustomData()
	since, ok := notes[usedSince].(time.Time)
	if !ok {
		return
	}
	delete(notes, usedSince)
	t.used.Add(-1)
	t.useTime.Record(context.Background(), time.Since(since).Seconds(), t.pool...)
}

// TraceConnectStart begins a span. It does not become the one of the context: in a multitracer other tracers take that for
// theirs, and end it.
func (t *Tracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	_, span := t.telemetry.Tracer().Start(ctx, "rekey.connect", trace.WithSpanKind(trace.SpanKindClient))
	return context.WithValue(ctx, connectKey{t}, connect{time.Now(), span})
}

// TraceConnectEnd ends it, linked to the refresh that the connection's credential came from.
func (t *Tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	c, ok := ctx.Value(connectKey{t}).(connect)
	if !ok {
		return
	}
	c.span.SetAttributes(t.spans...)
	if data.Err != nil {
		// Its text is left out: pgx's own errors of a connect hold its configuration.
		c.span.SetAttributes(attribute.String("error.type", "connect"))
		c.span.SetStatus(codes.Error, "no connection")
		c.span.End()
		return
	}
	t.createTime.Record(ctx, time.Since(c.from).Seconds(), t.pool...)
	generation := managedpool.GenerationOf(data.Conn)
	c.span.SetAttributes(attribute.Int64("rekey.generation", int64(generation)))
	t.telemetry.EndLinked(c.span, generation)
}

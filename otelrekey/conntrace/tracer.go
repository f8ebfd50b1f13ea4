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
// Every acquire is counted while it waits, and one in many is timed: Options.Every. The pool's events must go to the
// telemetry, as above: without them no span finds its refresh, and each waits for a few seconds in vain.
package conntrace

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rekeyhq/rekey/otelrekey"
)

// DefaultEvery is the default of Options.Every.
const DefaultEvery = 64

// Options says how much is measured. The zero value, and a nil *Options, mean the defaults.
type Options struct {
	// Every is of how many acquires one is timed, chosen at random: quantiles and means of wait_time and use_time stay what
	// they are; their counts and sums are those of the timed ones, and so are many times too small for the names that they
	// have. 1 times all of them, which costs about as much as an acquire. Defaults to 64.
	Every int
}

// The keys of attributes.
const (
	poolKey    = attribute.Key("db.client.connection.pool.name")
	systemKey  = attribute.Key("db.system.name")
	statusKey  = attribute.Key("db.response.status_code")
	addressKey = attribute.Key("server.address")
	portKey    = attribute.Key("server.port")
	errorKey   = attribute.Key("error.type")

	generationKey = attribute.Key("rekey.generation")
	adoptedKey    = attribute.Key("rekey.connection.adopted")
)

// Tracer measures the connections and acquires of one pool. It is a pgx.QueryTracer that takes no notice of queries. It is
// safe for concurrent use.
type Tracer struct {
	telemetry *otelrekey.Telemetry
	every     int64
	pool      []metric.RecordOption // its name
	spans     []attribute.KeyValue

	started atomic.Int64 // acquires
	next    atomic.Int64 // the number of the one that is timed next
	_       [64]byte     // what acquires and their ends write is not in one line of a processor's cache
	ended   atomic.Int64 // acquires
	timed   atomic.Int64 // of those that have not ended
	used    atomic.Int64 // timed connections that are with their users

	mu   sync.Mutex // guards uses
	uses []*use     // that were under way when the last one began

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
		telemetry: telemetry, every: int64(every), spans: attributes.ToSlice(),
		pool: []metric.RecordOption{metric.WithAttributeSet(set)},
	}
	t.next.Store(t.stride())
	pending, err := t.makeInstruments(telemetry.Meter())
	if err != nil {
		return nil, fmt.Errorf("conntrace: %w", err)
	}
	err = telemetry.Register(func(_ context.Context, to metric.Observer) error {
		ended := t.ended.Load() // before the others: what ends in between has begun in between, too
		to.ObserveInt64(pending, t.started.Load()-ended, metric.WithAttributeSet(set))
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
	t.waitTime = histogram("db.client.connection.wait_time", "The time it took to obtain an open connection from the pool."+t.sampled())
	t.useTime = histogram("db.client.connection.use_time", "The time between borrowing a connection and returning it to the pool."+t.sampled())
	pending, err = meter.Int64ObservableUpDownCounter("db.client.connection.pending_requests", metric.WithUnit("{request}"),
		metric.WithDescription("The number of current pending requests for an open connection."))
	return pending, errors.Join(append(errs, err)...)
}

// sampled says in a description how many are left out.
func (t *Tracer) sampled() string {
	if t.every == 1 {
		return ""
	}
	return fmt.Sprintf(" One in %d is timed: use its quantiles and means, not its count and sum.", t.every)
}

// TraceQueryStart does nothing.
func (t *Tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd does nothing.
func (t *Tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceAcquireStart counts an acquire, and begins to time one in Options.Every.
func (t *Tracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	n := t.started.Add(1)
	if n < t.next.Load() {
		return ctx
	}
	return t.time(ctx, n)
}

// time begins to time the acquire with a number, and draws which is the next.
func (t *Tracer) time(ctx context.Context, n int64) context.Context {
	next := t.next.Load()
	if n < next || !t.next.CompareAndSwap(next, n+t.stride()) || !t.waitTime.Enabled(ctx) {
		return ctx
	}
	t.timed.Add(1)
	return &timed{Context: ctx, tracer: t, from: time.Now()}
}

// stride is a random number with a mean of every.
func (t *Tracer) stride() int64 { return 1 + rand.Int64N(2*t.every-1) }

// TraceAcquireEnd ends what TraceAcquireStart has begun.
func (t *Tracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	t.ended.Add(1)
	if t.timed.Load() != 0 {
		t.endTimed(ctx, data)
	}
}

func (t *Tracer) endTimed(ctx context.Context, data pgxpool.TraceAcquireEndData) {
	a, _ := ctx.Value(timedKey{t}).(*timed)
	if a == nil {
		return
	}
	t.timed.Add(-1)
	now := time.Now()
	if data.Conn == nil {
		t.waitTime.Record(ctx, now.Sub(a.from).Seconds(), t.pool[0], t.waitFailed(data.Err))
		return
	}
	t.waitTime.Record(ctx, now.Sub(a.from).Seconds(), t.pool...)
	t.beginUse(data.Conn, now)
}

// waitFailed is the attribute of a wait that has led to nothing. A code of the server's is not told here: a metrics store
// keeps a series for each.
func (t *Tracer) waitFailed(err error) metric.MeasurementOption {
	word := "_OTHER"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		word = "timeout"
	case errors.Is(err, context.Canceled):
		word = "canceled"
	}
	return metric.WithAttributes(errorKey.String(word))
}

// TraceRelease ends the use of a connection.
func (t *Tracer) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t.used.Load() != 0 {
		t.endUse(data.Conn)
	}
}

package otelrekey

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey"
)

const (
	// remembered is how many generations' refreshes others can be linked to.
	remembered = 16
	// mostSteps bounds the steps of one refresh: a source may name any number of alternates.
	mostSteps = 64
	// patience is how long the span of a connection waits for its refresh to be told to have ended.
	patience = 5 * time.Second
)

// tracing makes spans of events: of a refresh when it has ended, with its steps as children, and of what follows.
type tracing struct {
	tracer trace.Tracer
	common []attribute.KeyValue

	mu        sync.Mutex // guards what follows
	closed    bool
	steps     []step // of the refresh under way
	heard     bool   // an event was told
	refreshes [remembered]refreshSpan
	waiting   []waiting // spans of generations whose refresh has not been told to have ended
	limit     *time.Timer
	warn      sync.Once
}

// step is a part of a refresh that has ended.
type step struct {
	name       string
	from, to   time.Time
	err        error
	fallback   bool // a renewal, because a fetch has failed
	attributes []attribute.KeyValue
}

// refreshSpan is the span of the refresh that adopted a generation.
type refreshSpan struct {
	generation uint64
	span       trace.SpanContext
}

// waiting is a span that has ended, but for its link.
type waiting struct {
	span       trace.Span
	generation uint64
	ended      time.Time
}

func newTracing(tracer trace.Tracer, common attribute.Set) *tracing {
	return &tracing{tracer: tracer, common: common.ToSlice()}
}

// refreshOf returns the span of the refresh that adopted a generation, if it is remembered.
func (t *tracing) refreshOf(generation uint64) trace.SpanContext {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.refreshes[generation%remembered]; r.generation == generation {
		return r.span
	}
	return trace.SpanContext{}
}

// endLinked ends a span with a link to a generation's refresh. The first connections of a generation are made while the
// event of its refresh is on its way: they wait for it.
func (t *tracing) endLinked(w waiting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refreshes[w.generation%remembered].generation < w.generation && len(t.waiting) < mostSteps && !t.closed {
		t.waiting = append(t.waiting, w)
		if len(t.waiting) == 1 {
			t.limit = time.AfterFunc(patience, t.giveUp)
		}
		return
	}
	t.link(w)
}

// link is called under the lock.
func (t *tracing) link(w waiting) {
	if r := t.refreshes[w.generation%remembered]; r.generation == w.generation && r.span.IsValid() {
		w.span.AddLink(trace.Link{SpanContext: r.span})
	}
	w.span.End(trace.WithTimestamp(w.ended))
}

// linkWaiting ends the spans that have waited for generations up to the given one. It is called under the lock.
func (t *tracing) linkWaiting(upTo uint64) {
	rest := t.waiting[:0]
	for _, w := range t.waiting {
		if w.generation <= upTo {
			t.link(w)
		} else {
			rest = append(rest, w)
		}
	}
	clear(t.waiting[len(rest):])
	t.waiting = rest
	if len(rest) == 0 && t.limit != nil {
		t.limit.Stop()
	}
}

// giveUp ends the spans that have waited for too long, without a link: the pool's events are not told, or come late.
func (t *tracing) giveUp() {
	t.mu.Lock()
	ended := len(t.waiting) > 0
	t.linkWaiting(math.MaxUint64)
	deaf := ended && !t.heard && !t.closed
	t.mu.Unlock()
	if deaf {
		t.warn.Do(func() { otel.Handle(errDeaf) })
	}
}

// errDeaf is for whoever has forgotten the half of it.
var errDeaf = errors.New("otelrekey: connections are traced and no event was told: the pool's Options.OnEvent must be Telemetry.OnEvent")

// close ends the spans that wait.
func (t *tracing) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	if t.limit != nil {
		t.limit.Stop()
	}
	t.linkWaiting(math.MaxUint64)
}

// trace takes one event.
func (t *tracing) trace(e rekey.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard = true
	switch e := e.(type) {
	case rekey.RefreshEndedEvent:
		t.refreshEnded(e)
	case rekey.HandOverEndedEvent:
		t.followed(e.Generation, stepOf("rekey.hand_over", e.Duration, nil,
			generationKey.Int64(int64(e.Generation)), overtakenKey.Bool(e.Overtaken)))
	case rekey.DrainedEvent:
		if e.Empty {
			return
		}
		t.followed(e.Generation+1, stepOf("rekey.drain", e.Duration, nil,
			generationKey.Int64(int64(e.Generation)), versionKey.String(e.Version), cancelledKey.Int(e.Cancelled)))
	default:
		t.addStep(e)
	}
}

// addStep notes an event that tells of a refresh's step.
func (t *tracing) addStep(e rekey.Event) {
	s, ok := stepOfEvent(e)
	if ok && len(t.steps) < mostSteps {
		t.steps = append(t.steps, s)
	}
}

// stepOfEvent makes a step of an event, if it tells of one.
func stepOfEvent(e rekey.Event) (s step, ok bool) {
	switch e := e.(type) {
	case rekey.FetchedEvent:
		return stepOf("rekey.fetch", e.Duration, nil, versionKey.String(e.Version), changedKey.Bool(e.Changed)), true
	case rekey.AlternatesEvent:
		return stepOf("rekey.alternates", e.Duration, nil, candidatesKey.Int(e.Candidates)), true
	case rekey.RenewedEvent:
		s := stepOf("rekey.renew", e.Duration, nil, versionKey.String(e.Version), renewedKey.Bool(e.Fallback))
		s.fallback = e.Fallback
		return s, true
	case rekey.RefreshFailedEvent:
		return stepOf("rekey."+e.Err.Op, e.Duration, e.Err), true
	case rekey.AdoptedEvent:
		return stepOf("rekey.verify", e.Verify, nil, versionKey.String(e.Version), alternateKey.Bool(e.Alternate)), true
	case rekey.LoginRestoredEvent:
		return stepOf("rekey.verify", e.Verify, nil, versionKey.String(e.Version)), true
	case rekey.RefusedEvent:
		return stepOf("rekey.verify", e.Duration, e.Err, versionKey.String(e.Err.Version)), true
	default:
		return step{}, false
	}
}

// stepOf makes a step that ends now.
func stepOf(name string, took time.Duration, err error, attributes ...attribute.KeyValue) step {
	now := time.Now()
	return step{name: name, from: now.Add(-took), to: now, err: err, attributes: attributes}
}

// refreshEnded makes the spans of a refresh and of its steps.
func (t *tracing) refreshEnded(e rekey.RefreshEndedEvent) {
	var err error
	if e.Outcome == rekey.OutcomeFailed { // else the step that failed tells of it
		err = e.Err
	}
	whole := stepOf("rekey.refresh", e.Duration, err,
		outcomeKey.String(string(e.Outcome)), triggerKey.String(string(e.Trigger)),
		generationKey.Int64(int64(e.Generation)), versionKey.String(e.Version))
	for _, s := range t.steps {
		if s.from.Before(whole.from) {
			whole.from = s.from // events arrive one after the other, and a moment after what they tell of
		}
		if s.fallback {
			whole.attributes = append(whole.attributes, renewedKey.Bool(true))
		}
	}
	ctx, span := t.start(context.Background(), whole, trace.WithNewRoot())
	for _, s := range t.steps {
		_, child := t.start(ctx, s)
		t.end(child, s)
	}
	t.steps = nil
	if e.Outcome == rekey.OutcomeAdopted {
		t.refreshes[e.Generation%remembered] = refreshSpan{e.Generation, span.SpanContext()}
		t.linkWaiting(e.Generation)
	}
	t.end(span, whole)
}

// followed makes the span of what the adoption of a generation has led to, in the trace of its refresh.
func (t *tracing) followed(generation uint64, s step) {
	ctx := context.Background()
	if r := t.refreshes[generation%remembered]; r.generation == generation {
		ctx = trace.ContextWithSpanContext(ctx, r.span)
	}
	_, span := t.start(ctx, s)
	t.end(span, s)
}

// start makes a span with all its attributes, so that a sampler can go by them.
func (t *tracing) start(ctx context.Context, s step, more ...trace.SpanStartOption) (context.Context, trace.Span) {
	attributes := append(slices.Clone(t.common), s.attributes...)
	if s.err != nil {
		attributes = append(attributes, errorKey.String(errorType(s.err)))
	}
	more = append(more, trace.WithTimestamp(s.from), trace.WithAttributes(attributes...))
	return t.tracer.Start(ctx, s.name, more...)
}

func (t *tracing) end(span trace.Span, s step) {
	if s.err != nil {
		span.SetStatus(codes.Error, s.err.Error())
	}
	span.End(trace.WithTimestamp(s.to))
}

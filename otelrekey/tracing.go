package otelrekey

import (
	"context"
	"sync"
	"time"

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
)

// tracing makes spans of events: of a refresh when it has ended, with its steps as children, and of what follows.
type tracing struct {
	tracer trace.Tracer
	common []attribute.KeyValue

	mu        sync.Mutex // guards what follows
	steps     []step     // of the refresh under way
	refreshes [remembered]refreshSpan
}

// step is a part of a refresh that has ended.
type step struct {
	name       string
	from, to   time.Time
	err        error
	attributes []attribute.KeyValue
}

// refreshSpan is the span of the refresh that adopted a generation.
type refreshSpan struct {
	generation uint64
	span       trace.SpanContext
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

// trace takes one event.
func (t *tracing) trace(e rekey.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := e.(type) {
	case rekey.RefreshEndedEvent:
		t.refreshEnded(e)
	case rekey.HandOverEndedEvent:
		t.followed(e.Generation, stepOf("rekey.hand_over", e.Duration, nil,
			generationKey.Int64(int64(e.Generation)), overtakenKey.Bool(e.Overtaken)))
	case rekey.DrainedEvent:
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
		return stepOf("rekey.renew", e.Duration, nil, versionKey.String(e.Version), renewedKey.Bool(e.Fallback)), true
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
	whole := stepOf("rekey.refresh", e.Duration, e.Err,
		outcomeKey.String(string(e.Outcome)), triggerKey.String(string(e.Trigger)),
		generationKey.Int64(int64(e.Generation)), versionKey.String(e.Version))
	ctx, span := t.tracer.Start(context.Background(), whole.name, trace.WithNewRoot(), trace.WithTimestamp(whole.from))
	for _, s := range t.steps {
		if s.from.Before(whole.from) {
			s.from = whole.from // clocks are read one after the other
		}
		_, child := t.tracer.Start(ctx, s.name, trace.WithTimestamp(s.from))
		t.end(child, s)
	}
	t.steps = nil
	if e.Outcome == rekey.OutcomeAdopted {
		t.refreshes[e.Generation%remembered] = refreshSpan{e.Generation, span.SpanContext()}
	}
	t.end(span, whole)
}

// followed makes the span of what the adoption of a generation has led to, in the trace of its refresh.
func (t *tracing) followed(generation uint64, s step) {
	ctx := context.Background()
	if r := t.refreshes[generation%remembered]; r.generation == generation {
		ctx = trace.ContextWithSpanContext(ctx, r.span)
	}
	_, span := t.tracer.Start(ctx, s.name, trace.WithTimestamp(s.from))
	t.end(span, s)
}

func (t *tracing) end(span trace.Span, s step) {
	span.SetAttributes(t.common...)
	span.SetAttributes(s.attributes...)
	if s.err != nil {
		span.SetAttributes(errorKey.String(errorType(s.err)))
		span.SetStatus(codes.Error, s.err.Error())
	}
	span.End(trace.WithTimestamp(s.to))
}

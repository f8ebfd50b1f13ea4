package otelrekey

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rekeyhq/rekey"
)

// seconds are the bounds of histograms of refreshes and their steps: from a login on a local network to a hand-over that
// waits for long statements.
var seconds = metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

// counts are the instruments that events are counted with.
type counts struct {
	common attribute.Set

	refreshes   metric.Int64Counter
	refresh     metric.Float64Histogram
	call        metric.Float64Histogram
	skipped     metric.Int64Counter
	verify      metric.Float64Histogram
	handOver    metric.Float64Histogram
	drain       metric.Float64Histogram
	refused     metric.Int64Counter
	alternates  metric.Int64Counter
	confirmed   metric.Int64Counter
	expired     metric.Int64Counter
	retired     metric.Int64Counter
	cut         metric.Int64Counter
	transitions metric.Int64Counter
	warnings    metric.Int64Counter
}

func newCounts(meter metric.Meter, common attribute.Set) (*counts, error) {
	c := &counts{common: common}
	var errs []error
	counter := func(name, unit, description string) metric.Int64Counter {
		i, err := meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return i
	}
	histogram := func(name, description string) metric.Float64Histogram {
		i, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), seconds)
		errs = append(errs, err)
		return i
	}
	c.refreshes = counter("rekey.refresh.count", "{refresh}", "Refreshes that came to an end.")
	c.refresh = histogram("rekey.refresh.duration", "How long refreshes took, verification included.")
	c.call = histogram("rekey.source.call.duration", "How long the source took to answer.")
	c.skipped = counter("rekey.source.call.skipped", "{call}", "Times that the source was not asked, because the circuit breaker was open.")
	c.verify = histogram("rekey.verify.duration", "How long verifications of credentials took.")
	c.handOver = histogram("rekey.hand_over.duration", "How long it took to replace the connections of earlier generations.")
	c.drain = histogram("rekey.drain.duration", "How long superseded generations had connections.")
	c.refused = counter("rekey.login.refused", "{refusal}", "Times that the server began to refuse the login in use.")
	c.alternates = counter("rekey.alternate.used", "{credential}", "Alternates that were adopted.")
	c.confirmed = counter("rekey.alternate.confirmed", "{credential}", "Alternates that became the source's own choice.")
	c.expired = counter("rekey.credential.expired", "{credential}", "Credentials that ended before a newer one was had.")
	c.retired = counter("rekey.credential.retired", "{credential}", "Credentials that were given back to their issuer, or could not be.")
	c.cut = counter("rekey.connection.cut", "{connection}", "Connections that were closed under their users.")
	c.transitions = counter("rekey.breaker.transition", "{transition}", "Changes of the circuit breaker around the source, by what it changed to.")
	c.warnings = counter("rekey.warning", "{warning}", "Warnings about the configuration.")
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.begin()
	return c, nil
}

// begin makes the counters that alerts ask for exist before there is anything to count: a rate does not see a counter's
// first value.
func (c *counts) begin() {
	for _, outcome := range []rekey.Outcome{rekey.OutcomeAdopted, rekey.OutcomeFailed} {
		for _, trigger := range triggers {
			c.add(c.refreshes, 0, outcomeKey.String(string(outcome)), triggerKey.String(string(trigger)))
		}
	}
	c.add(c.retired, 0)
	for _, class := range []rekey.FetchClass{rekey.FetchUnavailable, rekey.FetchTimeout, rekey.FetchPermanent} {
		c.add(c.retired, 0, errorKey.String(class.String()))
	}
	c.add(c.refused, 0, statusOf("28P01"), revokedKey.Bool(false))
	c.add(c.alternates, 0)
	c.add(c.skipped, 0, operationKey.String("fetch"))
	c.add(c.expired, 0)
	c.add(c.transitions, 0, breakerKey.String(rekey.BreakerOpen))
	for _, reason := range []string{"drain", "close"} {
		c.add(c.cut, 0, reasonKey.String(reason))
	}
}

// triggers are what a refresh can begin with.
var triggers = []rekey.Trigger{
	rekey.TriggerStart, rekey.TriggerDue, rekey.TriggerChanged, rekey.TriggerRefused, rekey.TriggerAsked,
}

// count counts one event.
func (c *counts) count(e rekey.Event) {
	switch e := e.(type) {
	case rekey.FetchedEvent:
		c.took(c.call, e.Duration, operationKey.String("fetch"))
	case rekey.AlternatesEvent:
		c.took(c.call, e.Duration, operationKey.String("alternates"))
	case rekey.RenewedEvent:
		c.took(c.call, e.Duration, operationKey.String("renew"))
	case rekey.RefreshFailedEvent:
		c.countFailed(e)
	case rekey.AdoptedEvent:
		c.took(c.verify, e.Verify, verifyKey.String(passed))
		if e.Alternate {
			c.add(c.alternates, 1)
		}
	case rekey.LoginRestoredEvent:
		c.took(c.verify, e.Verify, verifyKey.String(passed))
	case rekey.RefusedEvent:
		c.took(c.verify, e.Duration, verifyKey.String(e.Err.Class.String()))
	case rekey.RefreshEndedEvent:
		c.add(c.refreshes, 1, outcomeKey.String(string(e.Outcome)), triggerKey.String(string(e.Trigger)))
		c.took(c.refresh, e.Duration, outcomeKey.String(string(e.Outcome)))
	default:
		c.countChange(e)
	}
}

// countChange counts what happened beside the steps of a refresh.
func (c *counts) countChange(e rekey.Event) {
	switch e := e.(type) {
	case rekey.HandOverEndedEvent:
		c.took(c.handOver, e.Duration, overtakenKey.Bool(e.Overtaken))
	case rekey.DrainedEvent:
		if !e.Empty {
			c.took(c.drain, e.Duration)
			c.add(c.cut, e.Cancelled, reasonKey.String("drain"))
		}
	case rekey.LoginRefusedEvent:
		c.add(c.refused, 1, statusOf(e.SQLState), revokedKey.Bool(e.Revoked))
	case rekey.ConfirmedEvent:
		c.add(c.confirmed, 1)
	case rekey.ExpiredEvent:
		c.add(c.expired, 1)
	case rekey.RetiredEvent:
		c.countRetired(e)
	case rekey.BreakerEvent:
		c.add(c.transitions, 1, breakerKey.String(e.To))
	case rekey.WarningEvent:
		c.add(c.warnings, 1, fieldKey.String(e.Field))
	case rekey.ClosedEvent:
		c.add(c.cut, e.Abandoned, reasonKey.String("close"))
	}
}

// countFailed counts a call of the source that failed, or that was not made.
func (c *counts) countFailed(e rekey.RefreshFailedEvent) {
	operation := operationKey.String(e.Err.Op)
	if e.Err.Unasked {
		c.add(c.skipped, 1, operation)
		return
	}
	c.took(c.call, e.Duration, operation, errorKey.String(e.Err.Class().String()))
}

func (c *counts) countRetired(e rekey.RetiredEvent) {
	if e.Err != nil {
		c.add(c.retired, 1, errorKey.String(e.Err.Class().String()))
		return
	}
	c.add(c.retired, 1)
}

func (c *counts) add(counter metric.Int64Counter, n int, more ...attribute.KeyValue) {
	if ctx := context.Background(); counter.Enabled(ctx) {
		counter.Add(ctx, int64(n), metric.WithAttributeSet(c.common), metric.WithAttributes(more...))
	}
}

func (c *counts) took(histogram metric.Float64Histogram, d time.Duration, more ...attribute.KeyValue) {
	if ctx := context.Background(); histogram.Enabled(ctx) {
		histogram.Record(ctx, d.Seconds(), metric.WithAttributeSet(c.common), metric.WithAttributes(more...))
	}
}

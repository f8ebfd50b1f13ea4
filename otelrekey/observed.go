package otelrekey

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rekeyhq/rekey"
)

// counted is a pool that counts its connections.
type counted interface {
	PoolStats() rekey.PoolStats
}

// states are those that a pool is always shown in one of.
var states = []rekey.State{
	rekey.StateStarting, rekey.StateServing, rekey.StateDegraded, rekey.StateRefused, rekey.StateExpired, rekey.StateClosed,
}

var breakerStates = []string{rekey.BreakerClosed, rekey.BreakerHalfOpen, rekey.BreakerOpen}

// observed is a pool that is looked at whenever somebody reads the metrics.
type observed struct {
	pool     Pool
	counted  counted // nil: the pool does not count its connections
	common   metric.MeasurementOption
	poolOnly metric.MeasurementOption // for what is OpenTelemetry's own
	name     attribute.KeyValue       // the pool's
	all      []metric.Observable

	expiry, notAfter, age, overdue               metric.Float64ObservableGauge
	generation, alternate, failures, usable      metric.Int64ObservableGauge
	connections, draining, state, breaker        metric.Int64ObservableUpDownCounter
	connCount, connMax, connIdleMax, connIdleMin metric.Int64ObservableUpDownCounter
	timeouts, acquires, waited, created          metric.Int64ObservableCounter
	acquireTime, waitTime                        metric.Float64ObservableCounter
}

func newObserved(meter metric.Meter, pool Pool, common attribute.Set, name string) (*observed, error) {
	o := &observed{
		pool: pool, common: metric.WithAttributeSet(common), name: poolKey.String(name),
		poolOnly: metric.WithAttributes(poolKey.String(name)),
	}
	errs := o.makeCredential(meter)
	if c, ok := pool.(counted); ok {
		o.counted = c
		errs = append(errs, o.makeConnections(meter)...)
	}
	return o, errors.Join(errs...)
}

// makeCredential makes the instruments of what every pool has.
func (o *observed) makeCredential(meter metric.Meter) (errs []error) {
	gauge := func(name, unit, description string) metric.Int64ObservableGauge {
		i, err := meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		return add(o, &errs, i, err)
	}
	secondsGauge := func(name, description string) metric.Float64ObservableGauge {
		i, err := meter.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(description))
		return add(o, &errs, i, err)
	}
	upDown := o.upDown(meter, &errs)
	o.expiry = secondsGauge("rekey.credential.time_to_expiry",
		"Seconds until the credential in use expires; negative after that, missing for one that does not.")
	o.notAfter = secondsGauge("rekey.credential.time_to_not_after",
		"Seconds until the pool stops using the credential, a margin before it expires; missing for one that does not.")
	o.age = secondsGauge("rekey.credential.age", "Seconds since the credential in use was first issued; extending its lease does not change that.")
	o.alternate = gauge("rekey.credential.alternate", "{credential}", "1 while an alternate is in use, that the source does not name as current yet.")
	o.overdue = secondsGauge("rekey.refresh.overdue",
		"Seconds for which the credential in use should have been replaced or extended; 0 while it need not.")
	o.generation = gauge("rekey.credential.generation", "{generation}", "The number of credentials adopted so far.")
	o.failures = gauge("rekey.refresh.failures", "{refresh}", "Refreshes in a row that failed, or only renewed the lease because fetching had failed.")
	o.connections = upDown("rekey.connection.count", "{connection}",
		"Connections of the credential in use and of those before it, hijacked ones included.")
	o.usable = gauge("rekey.connection.usable", "{connection}",
		"Open connections that callers can be given, of all generations; not those that were hijacked, or whose role has lost everything.")
	o.draining = upDown("rekey.generation.draining", "{generation}", "Superseded generations that have connections.")
	o.state = upDown("rekey.pool.state", "{pool}", "1 for the state that the pool is in, 0 for the others.")
	o.breaker = upDown("rekey.breaker.state", "{breaker}", "1 for the state of the circuit breaker around the source, 0 for the others.")
	return errs
}

// makeConnections makes the instruments of a pool that counts its connections.
func (o *observed) makeConnections(meter metric.Meter) (errs []error) {
	counter := func(name, unit, description string) metric.Int64ObservableCounter {
		i, err := meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		return add(o, &errs, i, err)
	}
	secondsCounter := func(name, description string) metric.Float64ObservableCounter {
		i, err := meter.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(description))
		return add(o, &errs, i, err)
	}
	upDown := o.upDown(meter, &errs)
	o.connCount = upDown("db.client.connection.count", "{connection}",
		"The number of connections that are currently in state described by the state attribute.")
	o.connMax = upDown("db.client.connection.max", "{connection}", "The maximum number of open connections allowed.")
	o.connIdleMax = upDown("db.client.connection.idle.max", "{connection}", "The maximum number of idle open connections allowed.")
	o.connIdleMin = upDown("db.client.connection.idle.min", "{connection}", "The minimum number of idle open connections allowed.")
	o.timeouts = counter("db.client.connection.timeouts", "{timeout}",
		"The number of connection timeouts that have occurred trying to obtain a connection from the pool.")
	o.acquires = counter("rekey.acquire.count", "{acquire}", "Acquires that got a connection.")
	o.acquireTime = secondsCounter("rekey.acquire.time", "How long they took, together; of a sqladapter.DB, only how long callers queued.")
	o.waited = counter("rekey.acquire.waited", "{acquire}", "Acquires that got a connection and found none idle at first; of a sqladapter.DB, also those whose context ended in the queue.")
	o.waitTime = secondsCounter("rekey.acquire.wait_time", "How long those of rekey.acquire.waited waited, together.")
	o.created = counter("rekey.connection.created", "{connection}", "Connections made.")
	return errs
}

func (o *observed) upDown(meter metric.Meter, errs *[]error) func(name, unit, description string) metric.Int64ObservableUpDownCounter {
	return func(name, unit, description string) metric.Int64ObservableUpDownCounter {
		i, err := meter.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		return add(o, errs, i, err)
	}
}

// add notes an instrument that was made.
func add[I metric.Observable](o *observed, errs *[]error, i I, err error) I {
	*errs = append(*errs, err)
	if err == nil {
		o.all = append(o.all, i)
	}
	return i
}

func (o *observed) instruments() []metric.Observable { return o.all }

// observe is called by the reader of the metrics.
func (o *observed) observe(_ context.Context, to metric.Observer) error {
	s := o.pool.Status()
	o.observeCredential(s, to)
	o.observeStates(s, to)
	if o.counted != nil {
		o.observeConnections(o.counted.PoolStats(), to)
	}
	return nil
}

func (o *observed) observeCredential(s rekey.Status, to metric.Observer) {
	if s.State == rekey.StateClosed {
		return // its credentials were given back, and nobody waits for another
	}
	to.ObserveInt64(o.generation, int64(s.Generation), o.common)
	to.ObserveInt64(o.failures, int64(s.Failures), o.common)
	to.ObserveInt64(o.usable, int64(s.Usable), o.common)
	if s.Generation == 0 {
		return
	}
	to.ObserveInt64(o.alternate, one(s.Alternate), o.common)
	to.ObserveFloat64(o.age, time.Since(s.FirstIssuedAt).Seconds(), o.common)
	if !s.RefreshDue.IsZero() {
		to.ObserveFloat64(o.overdue, max(0, time.Since(s.RefreshDue).Seconds()), o.common)
	}
	if !s.ExpiresAt.IsZero() {
		to.ObserveFloat64(o.expiry, time.Until(s.ExpiresAt).Seconds(), o.common)
		to.ObserveFloat64(o.notAfter, time.Until(s.NotAfter).Seconds(), o.common)
	}
}

func (o *observed) observeStates(s rekey.Status, to metric.Observer) {
	draining := 0
	for _, g := range s.Draining {
		draining += g.Connections
	}
	to.ObserveInt64(o.connections, int64(s.Connections), o.common, metric.WithAttributes(roleKey.String("current")))
	to.ObserveInt64(o.connections, int64(draining), o.common, metric.WithAttributes(roleKey.String("draining")))
	to.ObserveInt64(o.draining, int64(len(s.Draining)), o.common)
	for _, state := range states {
		to.ObserveInt64(o.state, one(s.State == state), o.common, metric.WithAttributes(poolStateKey.String(string(state))))
	}
	for _, state := range breakerStates {
		to.ObserveInt64(o.breaker, one(s.Breaker == state && s.State != rekey.StateClosed), o.common, metric.WithAttributes(breakerKey.String(state)))
	}
}

func (o *observed) observeConnections(s rekey.PoolStats, to metric.Observer) {
	to.ObserveInt64(o.connCount, int64(s.Idle), metric.WithAttributes(o.name, connStateKey.String("idle")))
	to.ObserveInt64(o.connCount, int64(s.Used), metric.WithAttributes(o.name, connStateKey.String("used")))
	to.ObserveInt64(o.connMax, int64(s.Max), o.poolOnly)
	to.ObserveInt64(o.connIdleMax, int64(s.Max), o.poolOnly) // any connection may be idle
	to.ObserveInt64(o.connIdleMin, int64(s.MinIdle), o.poolOnly)
	to.ObserveInt64(o.timeouts, s.TimedOut, o.poolOnly)
	to.ObserveInt64(o.acquires, s.Acquires, o.common)
	to.ObserveFloat64(o.acquireTime, s.AcquireTime.Seconds(), o.common)
	to.ObserveInt64(o.waited, s.Waited, o.common)
	to.ObserveFloat64(o.waitTime, s.WaitTime.Seconds(), o.common)
	to.ObserveInt64(o.created, s.Created, o.common)
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

package deploy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/otelrekey"
)

// labels are those of an exported metric, with their values.
type labels map[string]map[string]bool

// exported returns every metric that a pool exports, under the name that Prometheus sees.
func exported(t *testing.T) map[string]labels {
	t.Helper()
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	telemetry, err := otelrekey.New(otelrekey.Options{
		Pool: "orders", Source: "fake", MeterProvider: metric.NewMeterProvider(metric.WithReader(reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { telemetry.Close() })
	pool := newPool(t, telemetry)
	if _, err := pool.Exec(context.Background(), "select 1"); err != nil {
		t.Fatal(err)
	}
	for _, e := range everything() {
		telemetry.OnEvent(e)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]labels{}
	for _, f := range families {
		l := labels{}
		for _, m := range f.GetMetric() {
			for _, pair := range m.GetLabel() {
				if l[pair.GetName()] == nil {
					l[pair.GetName()] = map[string]bool{}
				}
				l[pair.GetName()][pair.GetValue()] = true
			}
		}
		all[f.GetName()] = l
		if f.GetType().String() == "HISTOGRAM" {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				all[f.GetName()+suffix] = l
			}
		}
	}
	return all
}

// everything is one of each kind of event.
func everything() []rekey.Event {
	fail := &rekey.FetchError{Op: "fetch", Err: errors.New("store is out")}
	return []rekey.Event{
		rekey.FetchedEvent{}, rekey.RefreshFailedEvent{Err: fail},
		rekey.RefreshFailedEvent{Err: &rekey.FetchError{Op: "fetch", Unasked: true, Err: errors.New("left alone")}}, rekey.RenewedEvent{}, rekey.AlternatesEvent{},
		rekey.RefusedEvent{Err: &rekey.VerifyError{}}, rekey.AdoptedEvent{Alternate: true}, rekey.ConfirmedEvent{},
		rekey.LoginRefusedEvent{SQLState: "28P01"}, rekey.LoginRestoredEvent{}, rekey.ExpiredEvent{}, rekey.BreakerEvent{To: rekey.BreakerOpen},
		rekey.HandOverBegunEvent{}, rekey.DrainedEvent{Cancelled: 1}, rekey.HandOverEndedEvent{}, rekey.RetiredEvent{},
		rekey.WarningEvent{Field: "sslmode"}, rekey.RefreshEndedEvent{Outcome: rekey.OutcomeAdopted, Trigger: rekey.TriggerDue},
		rekey.ClosedEvent{Abandoned: 1},
	}
}

package otelrekey_test

import (
	"strings"
	"testing"

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

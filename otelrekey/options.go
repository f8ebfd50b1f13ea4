package otelrekey

import (
	"errors"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// Options says what is observed, and where that goes. Pool and Source are required.
type Options struct {
	// Pool names the pool; it is the attribute db.client.connection.pool.name of everything. Two pools of one program
	// need two names.
	Pool string

	// Source names where the credentials come from, such as "vault"; it is the attribute rekey.source of everything
	// that is about credentials.
	Source string

	// MeterProvider takes the metrics. Defaults to the global one.
	MeterProvider metric.MeterProvider

	// TracerProvider takes the traces. Defaults to the global one.
	TracerProvider trace.TracerProvider
}

// withDefaults returns a copy without zero values where those mean a default.
func (o Options) withDefaults() Options {
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Pool == "":
		return errors.New("otelrekey: Options.Pool must not be empty")
	case o.Source == "":
		return errors.New("otelrekey: Options.Source must not be empty")
	}
	return nil
}

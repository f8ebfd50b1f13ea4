package conntrace_test

import (
	"context"
	"errors"
	"math"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/otelrekey"
	"github.com/rekeyhq/rekey/otelrekey/conntrace"
	"github.com/rekeyhq/rekey/source"
)

// traced is a pool whose connections and acquires are all measured, on a real server.
type traced struct {
	*managedpool.Pool
	reader *sdk.ManualReader
	spans  *tracetest.SpanRecorder
	tracer *conntrace.Tracer
}

func newTraced(t *testing.T, listen bool, change func(*managedpool.Config)) *traced {
	t.Helper()
	issuer := envtest.Issuer(t)
	login, err := issuer.Issue(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	config, err := managedpool.ParseConfig(issuer.DSN(login))
	if err != nil {
		t.Fatal(err)
	}
	p := &traced{reader: sdk.NewManualReader(), spans: tracetest.NewSpanRecorder()}
	telemetry, err := otelrekey.New(otelrekey.Options{
		Pool: "orders", Source: "fake", MeterProvider: sdk.NewMeterProvider(sdk.WithReader(p.reader)),
		TracerProvider: trace.NewTracerProvider(trace.WithSpanProcessor(p.spans)),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { telemetry.Close() })
	if p.tracer, err = conntrace.New(telemetry, &conntrace.Options{Every: 1}); err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = p.tracer
	if change != nil {
		change(config)
	}
	opts := &managedpool.Options{}
	if listen {
		opts.OnEvent = telemetry.OnEvent
	}
	p.Pool, err = managedpool.NewWithConfig(context.Background(), config, source.Func(func(context.Context) (source.Credential, error) {
		return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}, nil
	}), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// histogram returns how many times a histogram was recorded with an error.type, or without one, and the sum.
func (p *traced) histogram(t *testing.T, name, errorType string) (count uint64, sum float64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != name {
				continue
			}
			for _, point := range h.DataPoints {
				if v, _ := point.Attributes.Value("error.type"); v.AsString() == errorType {
					count, sum = count+point.Count, sum+point.Sum
				}
			}
		}
	}
	return count, sum
}

// connects returns the spans of connections that have ended.
func (p *traced) connects() (all []trace.ReadOnlySpan) {
	for _, s := range p.spans.Ended() {
		if s.Name() == "rekey.connect" {
			all = append(all, s)
		}
	}
	return all
}

func of(s trace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range s.Attributes() {
		if a.Key == key {
			return a.Value.String()
		}
	}
	return ""
}

// TestTimes: one connection, held for a while by one caller while another waits and a third gives up.
func TestTimes(t *testing.T) {
	const held = 50 * time.Millisecond
	p := newTraced(t, true, func(c *managedpool.Config) { c.MaxConns = 1 })
	ctx := context.Background()
	first, err := p.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, _, login := managedpool.LoginOf(first.Conn())
	if n, sum := p.histogram(t, "db.client.connection.create_time", ""); n != 1 || login <= 0 || math.Abs(sum-login.Seconds()) > 1e-9 {
		t.Errorf("%d connections were made in %v s; the login took %v", n, sum, login)
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := p.Acquire(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("acquired what is held: %v", err)
	}
	time.AfterFunc(held, first.Release)
	began := time.Now()
	second, err := p.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	waited := time.Since(began)
	second.Release()

	if n, sum := p.histogram(t, "db.client.connection.wait_time", "timeout"); n != 1 || sum < .001 {
		t.Errorf("%d callers gave up after %v s", n, sum)
	}
	least := p.PoolStats().WaitTime
	if n, sum := p.histogram(t, "db.client.connection.wait_time", ""); n != 2 || sum < least.Seconds() || least <= 0 {
		t.Errorf("%d callers waited for %v s, want at least %v of %v", n, sum, least, waited)
	}
	if n, sum := p.histogram(t, "db.client.connection.use_time", ""); n != 2 || sum < held.Seconds() {
		t.Errorf("%d connections were used for %v s, one of them for %v at least", n, sum, held)
	}
}

// TestConnectSpans: of a session that was made before the connection, of one that was made for a caller, and of none.
func TestConnectSpans(t *testing.T) {
	p := newTraced(t, true, nil)
	provider := trace.NewTracerProvider()
	ctx, caller := provider.Tracer("test").Start(context.Background(), "request")
	held := make([]*managedpool.Conn, 2)
	for i := range held {
		var err error
		if held[i], err = p.Acquire(ctx); err != nil {
			t.Fatal(err)
		}
		defer held[i].Release()
	}
	adopted, made := 0, 0
	for _, s := range p.connects() {
		_, began, took := managedpool.LoginOf(held[adopted+made].Conn())
		inTrace := s.SpanContext().TraceID() == caller.SpanContext().TraceID()
		if of(s, "db.system.name") != "postgresql" || of(s, "server.address") == "" || of(s, "rekey.generation") != "1" ||
			len(s.Links()) != 1 || s.SpanKind() != oteltrace.SpanKindClient {
			t.Errorf("span %v with %d links", s.Attributes(), len(s.Links()))
		}
		if of(s, "rekey.connection.adopted") == "true" {
			adopted++
			if inTrace || !s.StartTime().Equal(began) || s.EndTime().Sub(s.StartTime()) != took {
				t.Errorf("adopted: %v for %v, in the caller's trace: %t; the login began %v, for %v",
					s.StartTime(), s.EndTime().Sub(s.StartTime()), inTrace, began, took)
			}
		} else {
			made++
			if !inTrace || s.StartTime().After(began) || s.EndTime().Before(began.Add(took)) {
				t.Errorf("made: from %v to %v, in the caller's trace: %t; the login began %v, for %v",
					s.StartTime(), s.EndTime(), inTrace, began, took)
			}
		}
	}
	if adopted != 1 || made != 1 {
		t.Errorf("%d connections adopted, %d made", adopted, made)
	}
}

// TestFailedConnects: the span says why, in the words of the conventions.
func TestFailedConnects(t *testing.T) {
	p := newTraced(t, true, nil)
	for want, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"connection_refused": func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:1")
		},
		"timeout": func(context.Context, string, string) (net.Conn, error) { return nil, context.DeadlineExceeded },
		"_OTHER":  func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no way") },
		"28P01":   nil,
	} {
		p.spans.Reset()
		config := p.Config().ConnConfig
		config.Tracer, config.Fallbacks = p.tracer, nil
		if config.DialFunc = dial; dial == nil {
			config.DialFunc = new(net.Dialer).DialContext
			config.Password = "wrong"
		}
		if conn, err := pgx.ConnectConfig(context.Background(), config); err == nil {
			conn.Close(context.Background())
			t.Fatalf("%s: connected", want)
		}
		all := slices.DeleteFunc(p.connects(), func(s trace.ReadOnlySpan) bool { return s.Status().Code != codes.Error }) // the pool's
		if len(all) != 1 || of(all[0], "error.type") != want {
			t.Errorf("%s: spans %v", want, all)
			continue
		}
		if code := of(all[0], "db.response.status_code"); (code == want) != (want == "28P01") {
			t.Errorf("%s: status code %q", want, code)
		}
	}
}

// TestHijackedUse: a connection that does not come back is not waited for for ever.
func TestHijackedUse(t *testing.T) {
	p := newTraced(t, true, nil)
	c, err := p.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	hijacked := c.Hijack()
	defer hijacked.Close(context.Background())
	other, err := p.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if n := p.tracer.InUse(); n != 2 {
		t.Errorf("%d connections are in use, want 2", n)
	}
	p.tracer.BeginUse(other.Conn(), time.Now().Add(2*conntrace.LongestUse))
	if n := p.tracer.InUse(); n != 1 {
		t.Errorf("%d connections are in use long after one was hijacked, want 1", n)
	}
	other.Release()
	if n := p.tracer.InUse(); n != 0 {
		t.Errorf("%d connections are in use after the last was released", n)
	}
}

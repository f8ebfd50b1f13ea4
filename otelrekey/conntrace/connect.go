package conntrace

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/rekeyhq/rekey/managedpool"
)

type connectKey struct{ *Tracer }

// connect is a connection that is being made.
type connect struct {
	from time.Time
	host string
	port uint16
}

// TraceConnectStart takes note of a connection that is about to be made. There is no span in the context: in a
// multitracer other tracers take that for theirs, and end it.
func (t *Tracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	return context.WithValue(ctx, connectKey{t}, connect{time.Now(), data.ConnConfig.Host, data.ConnConfig.Port})
}

// TraceConnectEnd makes the span, linked to the refresh that the connection's credential came from. Where the connection has
// taken over a session that was logged in before, the span is that login's.
func (t *Tracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	c, ok := ctx.Value(connectKey{t}).(connect)
	switch {
	case !ok:
	case data.Err != nil:
		t.failed(ctx, c, data.Err)
	default:
		t.connected(ctx, c, data.Conn)
	}
}

// failed makes the span of a connect that came to nothing. The error's text is left out: pgx's own errors of a connect
// hold its configuration.
func (t *Tracer) failed(ctx context.Context, c connect, err error) {
	attributes := append(t.attributesOf(c.host, c.port), errorKey.String(errorType(err)))
	if code := sqlState(err); code != "" {
		attributes = append(attributes, statusKey.String(code))
	}
	_, span := t.start(ctx, c.from, attributes)
	span.SetStatus(codes.Error, "no connection")
	span.End()
}

func (t *Tracer) connected(ctx context.Context, c connect, conn *pgx.Conn) {
	generation, began, took := managedpool.LoginOf(conn)
	adopted := generation != 0 && began.Before(c.from)
	ended := time.Now()
	if !adopted {
		began, took = c.from, ended.Sub(c.from)
	}
	t.createTime.Record(ctx, took.Seconds(), t.pool...)
	config := conn.Config() // of the session, whose endpoint may be its credential's
	attributes := append(t.attributesOf(config.Host, config.Port),
		generationKey.Int64(int64(generation)), adoptedKey.Bool(adopted))
	if !adopted {
		_, span := t.start(ctx, began, attributes)
		t.telemetry.EndLinked(span, generation, ended)
		return
	}
	// Nobody waited for that login: it is in no caller's trace.
	_, span := t.start(context.WithoutCancel(ctx), began, attributes, trace.WithNewRoot())
	t.telemetry.EndLinked(span, generation, began.Add(took))
}

func (t *Tracer) start(ctx context.Context, from time.Time, attributes []attribute.KeyValue, more ...trace.SpanStartOption) (context.Context, trace.Span) {
	more = append(more, trace.WithSpanKind(trace.SpanKindClient), trace.WithTimestamp(from), trace.WithAttributes(attributes...))
	return t.telemetry.Tracer().Start(ctx, "rekey.connect", more...)
}

// attributesOf are those of every span. A socket's file is an address without a port.
func (t *Tracer) attributesOf(host string, port uint16) []attribute.KeyValue {
	out := make([]attribute.KeyValue, len(t.spans), len(t.spans)+6)
	copy(out, t.spans)
	out = append(out, systemKey.String("postgresql"), addressKey.String(host))
	if !strings.HasPrefix(host, "/") {
		out = append(out, portKey.Int(int(port)))
	}
	return out
}

// errorType says in a word, or a server's code, why there is no connection.
func errorType(err error) string {
	var timeout net.Error
	switch code := sqlState(err); {
	case code != "":
		return code
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection_refused"
	default:
		return "_OTHER"
	}
}

func sqlState(err error) string {
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		return answer.Code
	}
	return ""
}

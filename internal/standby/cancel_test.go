package standby_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

// checkCancel cancels a running query, and reads what went over the wire for it.
func checkCancel(t *testing.T, conn, watch *pgx.Conn, r *recorder, secure bool) {
	t.Helper()
	before := len(r.streams())
	sleeping := make(chan error, 1)
	go func() {
		_, err := conn.Exec(within(t), "select pg_sleep(60)")
		sleeping <- err
	}()
	awaitActive(t, watch, conn.PgConn().PID())
	if err := conn.PgConn().CancelRequest(within(t)); err != nil {
		t.Fatal(err)
	}
	var pgErr *pgconn.PgError
	if err := <-sleeping; !errors.As(err, &pgErr) || pgErr.Code != "57014" {
		t.Errorf("the query ended with %v", err)
	}
	if got := ask[int](t, conn, "select 1"); got != 1 {
		t.Error("the connection is of no use after a cancel")
	}
	streams := r.streams()[before:]
	if len(streams) != 1 {
		t.Fatalf("%d sockets for a cancel request", len(streams))
	}
	checkStream(t, streams[0], conn.PgConn().SecretKey(), secure)
}

// checkStream asserts that a cancel request cannot be read on the wire where its session cannot.
func checkStream(t *testing.T, stream, key []byte, secure bool) {
	t.Helper()
	if !secure {
		if want := append([]byte{0, 0, 0, 16, 4, 210, 22, 46}, stream[8:12]...); !bytes.Equal(stream, append(want, key...)) {
			t.Errorf("a plain cancel request is %x", stream)
		}
		return
	}
	if !bytes.HasPrefix(stream, append(bytes.Clone(sslRequest), 0x16, 3)) {
		t.Errorf("the first bytes are %x, want an SSLRequest and a ClientHello", stream[:min(16, len(stream))])
	}
	code := binary.BigEndian.AppendUint32(nil, 80877102)
	if bytes.Contains(stream, key) || bytes.Contains(stream, code) {
		t.Error("the cancel request can be read on the wire")
	}
}

// pgx can be told to cancel with a request when a context ends, instead of closing the connection.
func TestCancelByContext(t *testing.T) {
	db := database(t)
	for name, dsn := range transports(db) {
		t.Run(name, func(t *testing.T) {
			config := parse(t, dsn)
			watch := plainly(t, config)
			config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
				return &pgconn.CancelRequestContextWatcherHandler{Conn: conn, DeadlineDelay: patience}
			}
			conn := connect(t, config)
			ctx, cancel := context.WithCancel(within(t))
			go func() {
				defer cancel()
				awaitActive(t, watch, conn.PgConn().PID())
			}()
			var pgErr *pgconn.PgError
			if _, err := conn.Exec(ctx, "select pg_sleep(60)"); !errors.As(err, &pgErr) || pgErr.Code != "57014" {
				t.Errorf("the query ended with %v", err)
			}
			if got := ask[int](t, conn, "select 1"); got != 1 {
				t.Error("the connection is of no use after a cancel")
			}
		})
	}
}

// A cancel request that its context ends while the server is silent does not wait.
func TestCancelHonoursItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	config := parse(t, dsn(database(t), userTLS))
	session := dial(t, config)
	dialed := make(chan struct{}, 1)
	config.DialFunc = func(ctx context.Context, network, _ string) (net.Conn, error) {
		defer func() { dialed <- struct{}{} }()
		return new(net.Dialer).DialContext(ctx, network, silent.Addr().String())
	}
	conn, _ := adopt(t, config, session)
	ctx, cancel := context.WithCancel(within(t))
	go func() { <-dialed; cancel() }()
	begin := time.Now()
	if err := conn.PgConn().CancelRequest(ctx); err == nil || time.Since(begin) > patience/2 {
		t.Errorf("error %v after %v", err, time.Since(begin))
	}
}

// A cancel request is dialled as the connect is: a failure to dial is its error.
func TestCancelThatCannotDial(t *testing.T) {
	config := parse(t, dsn(database(t), userTLS))
	session := dial(t, config)
	broken := errors.New("no route to host")
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, broken }
	conn, _ := adopt(t, config, session)
	if err := conn.PgConn().CancelRequest(within(t)); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

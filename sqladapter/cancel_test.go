package sqladapter_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestCancelledStatementsEnd: a statement whose context has ended does not go on beside the budget, though MySQL's driver does no
// more than close its socket.
func TestCancelledStatementsEnd(t *testing.T) {
	for _, headroom := range []int{1, -1} {
		t.Run(map[int]string{1: "headroom", -1: "none"}[headroom], func(t *testing.T) {
			r := newRig(t, kinds[2], func(c *sqladapter.Config) { c.MaxOpenConns, c.Headroom = 2, headroom })
			must(t, r.db.Ping())
			sessions := loadtest.StartCensus(t, r.issuer)
			for _, statement := range []string{"select sleep(60)", "select benchmark(10000000000, md5('x'))"} {
				for range 3 {
					ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
					if _, err := r.db.ExecContext(ctx, statement); !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%s: %v", statement, err)
					}
					cancel()
					must(t, r.readRows(t.Context()))
				}
			}
			envtest.Eventually(t, patience, func() bool { return r.sessions(t, r.login) <= 2 && r.db.Stats().OpenConnections <= 2 },
				"the statements have ended")
			// The session that ends another is in the headroom, or, without one, beside the budget for a moment.
			r.within(t, sessions.End(), 3)
		})
	}
}

// TestBusyConnectionEnds: a connection that is at work when its time is over is gone from the server, and its statement with
// it. (lib/pq has no way to ask for that.)
func TestBusyConnectionEnds(t *testing.T) {
	for _, k := range []kind{kinds[0], kinds[2]} {
		t.Run(k.name, func(t *testing.T) {
			r := newRig(t, k, func(c *sqladapter.Config) { c.DrainTimeout = 200 * time.Millisecond })
			conn, err := r.db.Conn(t.Context())
			must(t, err)
			defer conn.Close()
			done := make(chan error, 1)
			go func() {
				_, err := conn.ExecContext(context.Background(), strings.Replace(k.pause, "0.1", "60", 1))
				done <- err
			}()
			old := r.rotate(t)
			r.adoptedLast(t, patience)
			if n := r.sessions(t, old); n != 0 {
				t.Errorf("%d old sessions are left", n)
			}
			if err := <-done; err == nil {
				t.Error("the statement came to its end")
			}
		})
	}
}

package sqladapter_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// TestCancelledStatements: one whose context has ended goes no further on the server, where the driver asks for that; MySQL's
// does not, and the server goes on with it to its end. Nothing stays after that.
func TestCancelledStatements(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		must(t, r.db.Ping())
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		began := time.Now()
		if _, err := r.db.ExecContext(ctx, strings.Replace(k.pause, "0.1", "3", 1)); err == nil {
			t.Error("the statement came to its end")
		}
		must(t, r.readRows(t.Context()))
		envtest.Eventually(t, patience, func() bool { return r.sessions(t, r.login) == r.db.Stats().OpenConnections }, "no session is left beside")
		t.Logf("its session ended after %v", time.Since(began))
	})
}

// TestBusyConnectionEnds: a connection that is at work when its time is over is gone from the server, and its statement with
// it. (lib/pq and MySQL's driver have no way to ask for that.)
func TestBusyConnectionEnds(t *testing.T) {
	for _, k := range kinds[:1] {
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

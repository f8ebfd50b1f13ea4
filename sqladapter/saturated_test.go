package sqladapter_test

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// crowd keeps a DB saturated: three callers for each connection, who run statements one after the other, until end.
type crowd struct {
	stop    chan struct{}
	callers sync.WaitGroup
	done    atomic.Int64
	failed  atomic.Int64
	bad     atomic.Int64 // of those, failed for want of a connection that works
}

func startCrowd(t testing.TB, r *rig, statement func(context.Context) error) *crowd {
	c := &crowd{stop: make(chan struct{})}
	for range 3 * poolSize {
		c.callers.Go(func() {
			for {
				select {
				case <-c.stop:
					return
				default:
				}
				err := statement(context.Background())
				c.done.Add(1)
				if err == nil {
					continue
				}
				c.failed.Add(1)
				if errors.Is(err, driver.ErrBadConn) && c.bad.Add(1) <= 3 {
					t.Errorf("%s: %v", time.Now().Format("15:04:05.000"), err)
				}
			}
		})
	}
	return c
}

func (c *crowd) end() {
	close(c.stop)
	c.callers.Wait()
}

// pauses is a statement that takes a tenth of a second.
func (r *rig) pauses(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, r.pause)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
	}
	return rows.Err()
}

// TestSaturatedDrainTimeout: where every connection is in use and callers queue, those that are cut off, and nobody else,
// fail; no caller is given one connection after the other that was cut off.
func TestSaturatedDrainTimeout(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, func(c *sqladapter.Config) { c.DrainTimeout = 20 * time.Millisecond })
		work := startCrowd(t, r, r.pauses)
		for range loadtest.Either(3, 20) {
			<-time.After(300 * time.Millisecond)
			r.rotate(t)
			r.adoptedLast(t, patience)
		}
		work.end()
		cancelled := 0
		for _, e := range loadtest.Find[rekey.DrainedEvent](r.diary) {
			cancelled += e.Cancelled
		}
		if failed := work.failed.Load(); failed > int64(cancelled) || cancelled == 0 {
			t.Errorf("%d statements failed, %d connections were cut off", failed, cancelled)
		}
		t.Logf("%d statements, %d failed, %d bad, %d cut off", work.done.Load(), work.failed.Load(), work.bad.Load(), cancelled)
	})
}

// TestSaturatedRevokedRole: a dropped account fails the statements that find it out, and no caller for want of a connection.
func TestSaturatedRevokedRole(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		work := startCrowd(t, r, r.readRows)
		for range loadtest.Either(3, 6) {
			<-time.After(300 * time.Millisecond)
			old := r.login
			r.login = r.issue(t)
			r.source.RotateSilently(credential(r.login))
			r.revoke(t, old)
			envtest.Eventually(t, patience, func() bool { return r.db.Status().Username == r.login.User }, "the new login is in use")
		}
		work.end()
		if failed := work.failed.Load(); failed == 0 {
			t.Error("nobody has met a dropped role")
		}
		t.Logf("%d statements, %d failed, %d bad", work.done.Load(), work.failed.Load(), work.bad.Load())
	})
}

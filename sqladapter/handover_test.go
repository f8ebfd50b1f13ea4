package sqladapter_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// inBubble runs test in simulated time, for both kinds of drivers.
func inBubble(t *testing.T, test func(t *testing.T, native bool)) {
	for name, native := range map[string]bool{"native": true, "wrapped": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { test(t, native) })
		})
	}
}

// TestHandOverAlone: connections that nobody uses are exchanged one login after the other.
func TestHandOverAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, native bool) {
		r := newFakeRig(t, native, nil)
		defer r.end(t)
		for _, c := range r.take(t, poolSize) {
			c.Close()
		}
		began := time.Now()
		r.source.Rotate(fakeLogin("b"))
		for r.server.sessions("a") > 0 {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(began); took > poolSize*2*r.server.login {
			t.Errorf("%d connections took %v, one login %v", poolSize, took, r.server.login)
		}
		time.Sleep(time.Second)
		if n := r.server.sessions("b"); n != poolSize {
			t.Errorf("%d connections are left of %d", n, poolSize)
		}
		begun, ended := loadtest.Find[rekey.HandOverBegunEvent](r.diary), loadtest.Find[rekey.HandOverEndedEvent](r.diary)
		if len(begun) != 1 || begun[0].Connections != poolSize || begun[0].Generation != 2 || len(ended) != 1 || ended[0].Overtaken {
			t.Errorf("told: %+v, %+v", begun, ended)
		}
		if s := r.db.Status(); s.Connections != poolSize || s.Generation != 2 {
			t.Errorf("status: %+v", s)
		}
	})
}

// TestInUseForLong: the wait for a connection that is in use for ten minutes costs next to nothing, and it goes when it comes
// home.
func TestInUseForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, native bool) {
		r := newFakeRig(t, native, nil)
		defer r.end(t)
		held := r.take(t, poolSize)
		for _, c := range held[1:] {
			c.Close()
		}
		r.source.Rotate(fakeLogin("b"))
		time.Sleep(5 * time.Second)
		if n := r.server.sessions("a"); n != 1 {
			t.Fatalf("%d old sessions", n)
		}
		before := r.server.reused.Load()
		waits := r.db.Stats().WaitCount
		time.Sleep(10 * time.Minute)
		if looks := r.server.reused.Load() - before; looks > 8*poolSize*600 {
			t.Errorf("%d looks at idle connections in ten minutes", looks)
		} else {
			t.Logf("%.1f looks at idle connections in a second", float64(looks)/600)
		}
		if n := r.db.Stats().WaitCount - waits; n > 600 {
			t.Errorf("the adapter has queued %d times in a pool that is not saturated", n)
		}
		held[0].Close()
		time.Sleep(300 * time.Millisecond)
		if n := r.server.sessions("a"); n != 0 {
			t.Errorf("%d old sessions after it came home", n)
		}
	})
}

// TestAllInUseForLong: the same where all are in use, and callers wait.
func TestAllInUseForLong(t *testing.T) {
	inBubble(t, func(t *testing.T, native bool) {
		r := newFakeRig(t, native, nil)
		defer r.end(t)
		held := r.take(t, poolSize)
		var callers sync.WaitGroup
		for range 2 * poolSize {
			callers.Go(func() {
				conn, err := r.db.Conn(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(10 * time.Millisecond)
				if err := conn.PingContext(context.Background()); err != nil {
					t.Error(err)
				}
				conn.Close()
			})
		}
		r.source.Rotate(fakeLogin("b"))
		time.Sleep(5 * time.Second)
		waits := r.db.Stats().WaitCount
		time.Sleep(10 * time.Minute)
		if n := r.db.Stats().WaitCount - waits; n > poolSize*2*600 {
			t.Errorf("the adapter has queued %d times in ten minutes", n)
		} else {
			t.Logf("the adapter has queued %d times in ten minutes", n)
		}
		for _, c := range held {
			c.Close()
		}
		callers.Wait()
		time.Sleep(300 * time.Millisecond)
		if a, b := r.server.sessions("a"), r.server.sessions("b"); a != 0 || b == 0 {
			t.Errorf("%d old sessions after they came home, %d new ones", a, b)
		}
	})
}

// TestEndInUse: what is in use is closed when its credential ends, less the margin, and not before; and when the drain's time
// is over.
func TestEndInUse(t *testing.T) {
	for name, drain := range map[string]time.Duration{"expiry": 0, "drain": 10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, native bool) {
				r := newFakeRig(t, native, func(c *sqladapter.Config) {
					c.DrainTimeout, c.Margin, c.Jitter = drain, time.Minute, -1
				})
				defer r.end(t)
				lease := fakeLogin("b")
				lease.ExpiresAt = time.Now().Add(time.Hour)
				r.source.Rotate(lease)
				time.Sleep(time.Second)
				held := r.take(t, 1)[0]
				defer held.Close()
				r.source.Rotate(fakeLogin("c"))
				rotated := time.Now()
				end := lease.ExpiresAt.Add(-time.Minute)
				if drain > 0 {
					end = rotated.Add(drain)
				}
				time.Sleep(time.Until(end) - time.Second)
				if n := r.server.sessions("b"); n != 1 {
					t.Fatalf("%d sessions a second before the end", n)
				}
				time.Sleep(2 * time.Second)
				if n := r.server.sessions("b"); n != 0 {
					t.Errorf("%d sessions a second after the end", n)
				}
				if drained := loadtest.Find[rekey.DrainedEvent](r.diary); drained[len(drained)-1].Cancelled != 1 {
					t.Errorf("%+v", drained)
				}
			})
		})
	}
}

// TestRefusedOnce: while a login is refused nobody tries it again and again, and everybody gets the next one.
func TestRefusedOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, native bool) {
		r := newFakeRig(t, native, nil)
		defer r.end(t)
		r.take(t, 1)[0].Close()
		time.Sleep(time.Second)
		r.server.refuse("a", true)
		r.source.FailNext(1000, errors.New("the store is down"))
		var callers sync.WaitGroup
		for range 3 * poolSize {
			callers.Go(func() {
				conn, err := r.db.Conn(context.Background())
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(30 * time.Second)
				conn.Close()
			})
		}
		time.Sleep(20 * time.Second)
		if n := r.server.refusals(); n == 0 || n > 2*poolSize { // those of the callers, and the engine's own tries
			t.Errorf("%d logins were refused", n)
		}
		r.source.FailNext(0, nil)
		r.source.Rotate(fakeLogin("b"))
		callers.Wait()
	})
}

// TestCloseHangs: goodbyes that do not end do not hold up Shutdown beyond its time.
func TestCloseHangs(t *testing.T) {
	inBubble(t, func(t *testing.T, native bool) {
		r := newFakeRig(t, native, nil)
		for _, c := range r.take(t, poolSize) {
			c.Close()
		}
		r.server.hang()
		r.source.Rotate(fakeLogin("b"))
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		began := time.Now()
		if err := r.db.Shutdown(ctx); err != nil {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if a, b := r.server.sessions("a"), r.server.sessions("b"); a+b != 0 {
			t.Errorf("%d sessions are left", a+b)
		}
	})
}

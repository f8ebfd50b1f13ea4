package managedpool_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// TestUsable: connections of a generation that drains can be given to callers, hijacked ones cannot, and neither can
// those whose role was revoked.
func TestUsable(t *testing.T) {
	s := newSite(t, nil)
	src := newFeed(s.issue(t))
	pool := s.managed(t, src, &managedpool.Options{MaxHold: 5 * time.Second}, func(c *pgxpool.Config) { c.MaxConns = 3 })
	settled(t, pool)
	held := []*managedpool.Conn{acquireNow(t, pool), acquireNow(t, pool), acquireNow(t, pool)}
	if n := pool.Status().Usable; n != 3 {
		t.Errorf("%d of 3 connections are usable", n)
	}
	hijacked := held[0].Hijack()
	defer hijacked.Close(context.Background())
	if n := pool.Status().Usable; n != 2 {
		t.Errorf("%d connections are usable, one of 3 was hijacked", n)
	}

	next := s.issue(t)
	src.set(next)
	envtest.Eventually(t, patience, func() bool { return pool.Status().Generation == 2 }, "the next login is in use")
	if st := pool.Status(); st.Usable < 2 {
		t.Errorf("%d connections are usable while 2 of the generation before are with their callers", st.Usable)
	}
	held[1].Release()
	held[2].Release()
	envtest.Eventually(t, patience, func() bool {
		st := pool.Status()
		return len(st.Draining) == 1 && st.Draining[0].Connections == 1 && st.Usable > 0
	}, "only what was hijacked is left of the generation before")

	spoilt, other := acquireNow(t, pool), acquireNow(t, pool)
	if err := s.issuer.Revoke(context.Background(), next); err != nil {
		t.Fatal(err)
	}
	spoilt.Exec(context.Background(), "select count(*) from app.events")
	spoilt.Release()
	envtest.Eventually(t, patience, func() bool { return pool.Status().State == rekey.StateRefused }, "the pool finds its role revoked")
	envtest.Eventually(t, patience, func() bool {
		st := pool.Status()
		return st.Connections > 0 && st.Usable == 0
	}, "no connection of a revoked role is usable")
	other.Release()
}

// TestNothingDrained: a password that changes leaves no connection to replace, and says so.
func TestNothingDrained(t *testing.T) {
	s := newSite(t, nil)
	var h heard
	first := s.issue(t)
	src := newFeed(first)
	pool := s.managed(t, src, &managedpool.Options{OnEvent: h.hear}, nil)
	settled(t, pool)
	changed, err := s.issuer.AlterPassword(context.Background(), first)
	if err != nil {
		t.Fatal(err)
	}
	src.set(changed)
	h.drained(t, 1, true)
	next := s.issue(t)
	src.set(next)
	h.drained(t, 2, false)
}

// drained waits until a generation is told to be drained, and looks whether there was anything to drain.
func (h *heard) drained(t *testing.T, generation uint64, empty bool) {
	t.Helper()
	var found *rekey.DrainedEvent
	envtest.Eventually(t, patience, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, e := range h.events {
			if e, ok := e.(rekey.DrainedEvent); ok && e.Generation == generation {
				found = &e
			}
		}
		return found != nil
	}, "generation ", generation, " is drained")
	if found.Empty != empty {
		t.Errorf("generation %d: told %+v", generation, *found)
	}
}

package growth

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) {
	Main()
	envtest.Main(m)
}

// TestRun measures a few pools of each kind, in processes of their own.
func TestRun(t *testing.T) {
	s, err := server.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	roles := s.NewRoles()
	job := Job{Pools: 3, Conns: 2, Rotations: 7, Workers: 2, Rest: 50 * time.Millisecond}
	for n := range job.DSNs {
		login, err := roles.Issue(t.Context(), server.RoleOptions{})
		if err != nil {
			t.Fatal(err)
		}
		job.DSNs[n] = s.DSN(login)
	}
	for _, job.Kind = range []string{Managed, Plain} {
		r, err := Run(t.Context(), job)
		if err != nil {
			t.Fatal(err)
		}
		if r.Pools != 3 || r.Rotations != 9 || len(r.Wall) != 9 || r.Heap <= 0 || r.Goroutines < 3 || r.CPU <= 0 {
			t.Errorf("%s: %+v", job.Kind, r)
		}
		if r.GoroutinesLeft > 0 {
			t.Errorf("%s: %d goroutines are left", job.Kind, r.GoroutinesLeft)
		}
	}
	job.DSNs[1] += "x"
	job.Kind = Managed
	if _, err := Run(t.Context(), job); err == nil {
		t.Error("pools rotate to a login that does not work")
	}
}

func TestEach(t *testing.T) {
	var sum atomic.Int64
	err := each(t.Context(), 3, 10, func(_ context.Context, n int) error {
		sum.Add(int64(n))
		return nil
	})
	if err != nil || sum.Load() != 45 {
		t.Errorf("%d, %v", sum.Load(), err)
	}
	broken := errors.New("broken")
	if err := each(t.Context(), 2, 1000, func(_ context.Context, n int) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

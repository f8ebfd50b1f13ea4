package lineage

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
)

// TestLookAtAge: a hand-over is late after half a second and a twentieth of one for each connection, or after half of the time
// to the old login's end; a minute later somebody is told, once.
func TestLookAtAge(t *testing.T) {
	for name, test := range map[string]struct {
		end, drain, late time.Duration
	}{
		"a login that does not end":     {0, 0, time.Second},
		"a login with an end far away":  {time.Hour, 0, time.Second},
		"a login that is about to end":  {time.Second, 0, 500 * time.Millisecond},
		"a drain with a limit":          {time.Hour, 800 * time.Millisecond, 400 * time.Millisecond},
		"a limit beyond the login's":    {time.Second, time.Minute, 500 * time.Millisecond},
		"a limit that is none of those": {0, time.Hour, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			g := newChild(1, "first")
			if test.end > 0 {
				g.Snapshot.Store(&refresh.Generation{ID: 1, NotAfter: epoch.Add(test.end)})
			}
			g.Superseded = epoch
			draining := []Drain[*child]{{Generation: g, Conns: 3, Superseded: epoch}}
			at := func(d time.Duration) Look[*child] { return LookAtAge(draining, 10, test.drain, epoch.Add(d)) }
			check := func(d time.Duration, late bool, told int, next time.Duration) {
				t.Helper()
				look := at(d)
				want := epoch.Add(next)
				if next < 0 {
					want = time.Time{}
				}
				if look.Late != late || len(look.InUse) != told || !look.Next.Equal(want) {
					t.Errorf("after %v: %+v, want late %v, %d told, next at %v", d, look, late, told, next)
				}
			}
			check(0, false, 0, test.late)
			check(test.late-1, false, 0, test.late)
			if g.Late.Load() {
				t.Error("late too soon")
			}
			check(test.late, true, 0, WarnAfter)
			if !g.Late.Load() {
				t.Error("not marked")
			}
			check(test.late+1, false, 0, WarnAfter)
			check(WarnAfter, false, 1, -1)
			check(2*WarnAfter, false, 0, -1)
		})
	}
}

// TestLookAtAgeOfTwo: the next look is at the first of what comes.
func TestLookAtAgeOfTwo(t *testing.T) {
	first, second := newChild(1, "first"), newChild(2, "second")
	draining := []Drain[*child]{{Generation: first, Superseded: epoch}, {Generation: second, Superseded: epoch.Add(100 * time.Millisecond)}}
	look := LookAtAge(draining, 10, 0, epoch.Add(time.Second))
	if !look.Late || !first.Late.Load() || second.Late.Load() || !look.Next.Equal(epoch.Add(1100*time.Millisecond)) {
		t.Errorf("%+v", look)
	}
}

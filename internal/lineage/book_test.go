package lineage

import (
	"reflect"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/refresh"
)

// child is a pool's own type of a generation.
type child struct {
	Life
	name string
}

func newChild(id uint64, name string) *child {
	c := &child{name: name}
	c.Snapshot.Store(&refresh.Generation{ID: id})
	return c
}

func names(drains []Drain[*child]) (names []string) {
	for _, d := range drains {
		names = append(names, d.Generation.name)
	}
	return names
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func publish(b *Book[*child], c *child, at time.Duration) {
	b.Supersede(c, epoch.Add(at))
	b.Announce(c.name, epoch.Add(at))
}

func TestBook(t *testing.T) {
	var b Book[*child]
	first, second, third := newChild(1, "first"), newChild(2, "second"), newChild(3, "third")
	publish(&b, first, 0)
	b.Begin(first)
	b.Begin(first)
	if b.Unusual() || b.Connections(1) != 2 || b.Connections(2) != 0 {
		t.Error("the login in use alone")
	}
	publish(&b, second, time.Second)
	publish(&b, third, 2*time.Second)
	b.Begin(third)
	if got := names(b.Draining()); !reflect.DeepEqual(got, []string{"first"}) || !b.Unusual() {
		t.Errorf("draining: %v", got)
	}
	if got := b.WithSessions(); len(got) != 2 || got[0] != first || got[1] != third {
		t.Errorf("with sessions: %v", got)
	}
	drained := b.TakeDrained(epoch.Add(3 * time.Second))
	if got := names(drained); !reflect.DeepEqual(got, []string{"second"}) || !drained[0].Empty {
		t.Errorf("drained: %+v", drained)
	}
	first.End()
	first.Cancel()
	first.End()
	drained = b.TakeDrained(epoch.Add(4 * time.Second))
	if got := names(drained); !reflect.DeepEqual(got, []string{"first"}) || drained[0].Empty || drained[0].Cancelled != 1 {
		t.Errorf("drained: %+v", drained)
	}
	b.Begin(first) // a login that was about to begin
	if got := names(b.Draining()); !reflect.DeepEqual(got, []string{"first"}) {
		t.Errorf("draining once more: %v", got)
	}
	first.End()
	if got := b.TakeDrained(epoch.Add(5 * time.Second)); got != nil {
		t.Errorf("told twice: %v", got)
	}
	var kinds []string
	for _, e := range b.Log.Take() {
		switch e := e.(type) {
		case rekey.HandOverBegunEvent:
			kinds = append(kinds, "begun "+e.Version)
		case rekey.HandOverEndedEvent:
			kinds = append(kinds, "ended "+e.Version)
		}
	}
	if want := []string{"begun second", "ended second", "begun third", "ended third"}; !reflect.DeepEqual(kinds, want) {
		t.Errorf("told: %v", kinds)
	}
}

// TestCutBefore: connections that were closed under their users before the next generation came are told of with it.
func TestCutBefore(t *testing.T) {
	var b Book[*child]
	first, second := newChild(1, "first"), newChild(2, "second")
	publish(&b, first, 0)
	b.Begin(first)
	first.Cancel()
	first.End()
	publish(&b, second, time.Second)
	if d := b.TakeDrained(epoch.Add(2 * time.Second)); len(d) != 1 || d[0].Empty || d[0].Cancelled != 1 {
		t.Errorf("drained: %+v", d)
	}
}

func TestInherit(t *testing.T) {
	var b Book[*child]
	first, second := newChild(1, "first"), newChild(2, "second")
	publish(&b, first, 0)
	b.Begin(first)
	b.Supersede(second, epoch.Add(time.Second))
	second.Inherit(&first.Life)
	b.Announce("second", epoch.Add(time.Second))
	if n := second.Conns(); n != 1 || b.Unusual() || b.Log.Take() != nil {
		t.Errorf("%d sessions inherited", n)
	}
	if d := b.TakeDrained(epoch.Add(2 * time.Second)); len(d) != 1 || !d[0].Empty {
		t.Errorf("drained: %+v", d)
	}
}

func TestDeadline(t *testing.T) {
	lease := &refresh.Generation{ID: 1, NotAfter: epoch.Add(time.Hour)}
	for name, test := range map[string]struct {
		snapshot   *refresh.Generation
		superseded time.Time
		drain      time.Duration
		want       time.Time
	}{
		"never":                          {&refresh.Generation{}, epoch, 0, time.Time{}},
		"not adopted":                    {nil, time.Time{}, time.Minute, time.Time{}},
		"its own end":                    {lease, epoch, 0, lease.NotAfter},
		"in use, the drain has no limit": {lease, time.Time{}, time.Minute, lease.NotAfter},
		"the drain's":                    {lease, epoch, time.Minute, epoch.Add(time.Minute)},
		"the earlier one":                {lease, epoch.Add(59*time.Minute + 30*time.Second), time.Minute, lease.NotAfter},
		"no end but the drain's":         {&refresh.Generation{}, epoch, time.Minute, epoch.Add(time.Minute)},
	} {
		l := &Life{Superseded: test.superseded}
		if test.snapshot != nil {
			l.Snapshot.Store(test.snapshot)
		}
		if got := l.Deadline(test.drain); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

package reports

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// generation is a pool's own type of one.
type generation struct{ lineage.Life }

// bench is a pool of which nothing is real but its engine.
type bench struct {
	mu      sync.Mutex // guards the rest
	current *generation
	news    []rekey.Event
	drained []lineage.Drain[*generation]
	heard   []string
	fetches int
}

func (b *bench) do(what func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	what()
}

func (b *bench) hear(what string) { b.do(func() { b.heard = append(b.heard, what) }) }

func (b *bench) Verify(context.Context, source.Credential, *refresh.Generation) error { return nil }

func (b *bench) Publish(g *refresh.Generation) {
	next := &generation{}
	next.Snapshot.Store(g)
	b.do(func() { b.current = next })
}

func (b *bench) Extend(*refresh.Generation) {}
func (b *bench) Expire(*refresh.Generation) {}

func (b *bench) Distrust(_ *refresh.Generation, revoked bool) {
	if revoked {
		b.hear("distrust")
	}
}

func (b *bench) fetch(context.Context) (source.Credential, error) {
	b.do(func() { b.fetches++ })
	return source.Credential{Username: "app", Password: source.NewSecret("secret"), Version: "v1"}, nil
}

// open starts an engine, and reports to it.
func (b *bench) open(t *testing.T) *Reports[*generation] {
	t.Helper()
	config := refresh.Settings{}.WithDefaults().Config()
	config.Source, config.Target = source.Func(b.fetch), b
	config.OnEvent = func(e rekey.Event) {
		switch e := e.(type) {
		case rekey.WarningEvent:
			b.hear("warning: " + e.Message)
		case rekey.HandOverEndedEvent, rekey.DrainedEvent:
			b.hear(e.Name())
		}
	}
	engine := refresh.New(config)
	engine.Start()
	if err := engine.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := New(Pool[*generation]{
		Engine: engine, Held: "busy",
		Current: func() (g *generation) { b.do(func() { g = b.current }); return g },
		TakeNews: func() (news []rekey.Event) {
			b.do(func() { news, b.news = b.news, nil })
			return news
		},
		TakeDrained: func() (drained []lineage.Drain[*generation]) {
			b.do(func() { drained, b.drained = b.drained, nil })
			return drained
		},
	})
	t.Cleanup(func() {
		r.Stop()
		engine.Stop(context.Background())
	})
	return r
}

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		r := b.open(t)
		old := &generation{}
		old.Snapshot.Store(&refresh.Generation{ID: 7})
		b.do(func() {
			b.drained = []lineage.Drain[*generation]{{Generation: old, Superseded: time.Now()}}
			b.news = []rekey.Event{rekey.HandOverEndedEvent{}}
		})
		r.InUse(lineage.Drain[*generation]{Generation: old, Conns: 3})
		synctest.Wait()
		want := []string{"warning: does not end the hand-over: 3 connections of generation 7 are still busy, 1m0s after", rekey.HandOverEndedEvent{}.Name(), rekey.DrainedEvent{}.Name()}
		b.do(func() {
			if !slices.EqualFunc(b.heard, want, strings.HasPrefix) {
				t.Errorf("heard %q, want %q", b.heard, want)
			}
			b.heard = nil
		})
		fetches := b.fetches
		r.Ask()
		synctest.Wait()
		if b.fetches != fetches+1 {
			t.Errorf("%d fetches, want one more than %d", b.fetches, fetches)
		}
	})
}

// TestRevoked: the role of the generation in use is a matter for the engine; that of another one is not.
func TestRevoked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		r := b.open(t)
		gone := &rekey.VerifyError{Version: "v1", Class: rekey.VerifyLacking, Err: errors.New("gone")}
		r.Revoked(&generation{}, gone)
		synctest.Wait()
		if len(b.heard) != 0 {
			t.Errorf("heard %q", b.heard)
		}
		r.Revoked(b.current, gone)
		synctest.Wait()
		if !slices.Contains(b.heard, "distrust") {
			t.Errorf("heard %q", b.heard)
		}
	})
}

package contender

import (
	"context"
	"errors"
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

func TestLastGood(t *testing.T) {
	s := store.New(store.Secret{User: "first"})
	g := &lastGood{store: s}
	s.SetDown(true)
	if _, err := g.Get(t.Context()); !errors.Is(err, store.ErrDown) {
		t.Errorf("%v, and there is nothing to remember", err)
	}
	s.SetDown(false)
	g.Get(t.Context())
	s.SetDown(true)
	s.Put(store.Secret{User: "second"})
	if got, err := g.Get(t.Context()); err != nil || got.User != "first" {
		t.Errorf("%q, %v", got.User, err)
	}
	s.SetDown(false)
	if got, err := g.Get(t.Context()); err != nil || got.User != "second" {
		t.Errorf("%q, %v", got.User, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Get(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, of a caller who has gone", err)
	}
}

package store

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Secret{User: "a"})
		began, first := time.Now(), s.Changed()
		if got, err := s.Get(t.Context()); err != nil || got.User != "a" || time.Since(began) != Latency {
			t.Errorf("%v, %v after %v", got.User, err, time.Since(began))
		}
		s.Put(Secret{User: "b"})
		<-first
		s.SetDown(true)
		second := s.Changed()
		if _, err := s.Get(t.Context()); !errors.Is(err, ErrDown) {
			t.Error(err)
		}
		s.Put(Secret{User: "c"})
		if isClosed(second) {
			t.Error("a store that is down told of a change")
		}
		s.SetDown(false)
		<-second
		if got, _ := s.Get(t.Context()); got.User != "c" {
			t.Error(got.User)
		}
		third := s.Changed()
		s.SetDown(true)
		s.SetDown(false)
		if isClosed(third) {
			t.Error("told of a change that there was not")
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Get(gone); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if s.Calls() != 4 {
			t.Errorf("%d calls", s.Calls())
		}
	})
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

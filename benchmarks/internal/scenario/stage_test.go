package scenario

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestBegin: the clock starts at the moment from which the first login's end was reckoned, and not at all after it.
func TestBegin(t *testing.T) {
	for late, want := range map[time.Duration]error{-preparation: nil, 0: nil, tolerable: nil, tolerable + 1: ErrLate, time.Hour: ErrLate} {
		synctest.Test(t, func(t *testing.T) {
			at := time.Now().Add(-late)
			s := &Stage{began: at}
			if err := s.Begin(t.Context()); !errors.Is(err, want) {
				t.Errorf("%v late: %v, want %v", late, err, want)
			}
			if time.Now().Before(at) {
				t.Errorf("%v late: begun %v too early", late, time.Until(at))
			}
		})
	}
	s := &Stage{} // no login ends
	if err := s.Begin(t.Context()); err != nil || s.Began().IsZero() {
		t.Error(err)
	}
}

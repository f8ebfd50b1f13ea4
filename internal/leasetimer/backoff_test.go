package leasetimer_test

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

func TestBackoffWait(t *testing.T) {
	urgent := leasetimer.Backoff{Base: 200 * time.Millisecond, Max: 10 * time.Second}
	for _, test := range []struct {
		backoff  leasetimer.Backoff
		failures int
		random   float64
		want     time.Duration
	}{
		{urgent, 1, 0, 100 * time.Millisecond},
		{urgent, 1, 0.5, 150 * time.Millisecond},
		{urgent, 2, 0, 200 * time.Millisecond},
		{urgent, 6, 0, 3200 * time.Millisecond},
		{urgent, 7, 0, 5 * time.Second},
		{urgent, 1 << 40, 0, 5 * time.Second},
		{urgent, 0, 0, 100 * time.Millisecond},
		{leasetimer.Backoff{Base: time.Minute, Max: time.Second}, 1, 0, 500 * time.Millisecond},
		{leasetimer.Backoff{Base: time.Hour, Max: 1 << 62}, 1 << 30, 0, 1 << 61},
	} {
		if got := test.backoff.Wait(test.failures, test.random); got != test.want {
			t.Errorf("%+v.Wait(%d, %v) = %v, want %v", test.backoff, test.failures, test.random, got, test.want)
		}
	}
}

// The jitter never takes a wait below half of its step, nor above all of it.
func TestBackoffBounds(t *testing.T) {
	b := leasetimer.Backoff{Base: time.Second, Max: time.Minute}
	step := b.Base
	for failures := 1; failures < 20; failures++ {
		for _, random := range []float64{0, 0.25, 0.999999} {
			if got := b.Wait(failures, random); got < step/2 || got > step {
				t.Errorf("Wait(%d, %v) = %v, want between %v and %v", failures, random, got, step/2, step)
			}
		}
		step = min(2*step, b.Max)
	}
}

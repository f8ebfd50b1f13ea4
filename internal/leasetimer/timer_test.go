package leasetimer_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

// fired reports whether the timer has fired.
func fired(timer *leasetimer.Timer) bool {
	select {
	case <-timer.C():
		return true
	default:
		return false
	}
}

// inBubble runs a test of a timer in a synctest bubble.
func inBubble(t *testing.T, test func(t *testing.T, timer *leasetimer.Timer)) {
	synctest.Test(t, func(t *testing.T) {
		timer := leasetimer.NewTimer()
		defer timer.Stop()
		test(t, timer)
	})
}

func TestTimerIsNotSetAtFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		time.Sleep(48 * time.Hour)
		if fired(timer) || timer.Due(time.Now()) {
			t.Error("a timer that was never set is due")
		}
	})
}

func TestTimerFiresOnTime(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		at := time.Now().Add(time.Minute)
		timer.Set(at)
		time.Sleep(time.Minute - 1)
		if fired(timer) || timer.Due(time.Now()) {
			t.Fatal("early")
		}
		time.Sleep(time.Nanosecond)
		if !timer.Due(time.Now()) {
			t.Error("not due")
		}
		if !fired(timer) {
			t.Fatal("did not fire")
		}
		time.Sleep(time.Hour)
		if fired(timer) {
			t.Error("fired twice")
		}
	})
}

func TestTimerSetAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(timer *leasetimer.Timer, at time.Time)
		after  time.Duration // when it is to fire; zero: never
	}{
		{"to the same time", func(timer *leasetimer.Timer, at time.Time) { timer.Set(at) }, time.Minute},
		{"to an earlier time", func(timer *leasetimer.Timer, at time.Time) { timer.Set(at.Add(-time.Second)) }, 59 * time.Second},
		{"to a later time", func(timer *leasetimer.Timer, at time.Time) { timer.Set(at.Add(time.Hour)) }, time.Hour + time.Minute},
		{"to none", func(timer *leasetimer.Timer, _ time.Time) { timer.Set(time.Time{}) }, 0},
		{"to none and back", func(timer *leasetimer.Timer, at time.Time) { timer.Set(time.Time{}); timer.Set(at) }, time.Minute},
		{"stopped", func(timer *leasetimer.Timer, _ time.Time) { timer.Stop() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
				begin := time.Now()
				timer.Set(begin.Add(time.Minute))
				test.change(timer, begin.Add(time.Minute))
				select {
				case <-timer.C():
					if got := time.Since(begin); got != test.after {
						t.Errorf("fired after %v, want %v", got, test.after)
					}
				case <-time.After(48 * time.Hour):
					if test.after != 0 {
						t.Errorf("did not fire after %v", test.after)
					}
				}
			})
		})
	}
}

// A machine that found nothing to do at the time it had asked for asks for the same time again.
func TestTimerRearmedToTheTimeItFiredAt(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		at := time.Now().Add(time.Second)
		timer.Set(at)
		<-timer.C()
		for range 3 {
			timer.Set(at)
			synctest.Wait()
			time.Sleep(time.Nanosecond)
			if !fired(timer) {
				t.Fatal("did not fire again")
			}
		}
	})
}

// What has fired and was not looked at is forgotten when the timer is set anew.
func TestTimerLeavesNothingInTheChannel(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		timer.Set(time.Now().Add(time.Second))
		time.Sleep(2 * time.Second)
		timer.Set(time.Now().Add(time.Hour))
		if fired(timer) {
			t.Error("the time before still comes out")
		}
	})
}

func TestTimerTakesTimesFarAwayAndPast(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		timer.Set(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC))
		time.Sleep(1000 * time.Hour)
		if fired(timer) {
			t.Error("fired some thousand years early")
		}
		timer.Set(time.Now().Add(-time.Hour))
		time.Sleep(time.Nanosecond)
		if !fired(timer) {
			t.Error("a time in the past did not fire at once")
		}
	})
}

// Due compares wall clocks: a machine that slept has not run its timers.
func TestTimerDueAfterASleep(t *testing.T) {
	inBubble(t, func(t *testing.T, timer *leasetimer.Timer) {
		at := time.Now().Add(time.Hour)
		timer.Set(at)
		timer.Stop() // as if it stood still
		if timer.Due(at.Add(-1)) || !timer.Due(at) || !timer.Due(at.Add(time.Hour)) {
			t.Error("Due does not go by the clock that it is given")
		}
	})
}

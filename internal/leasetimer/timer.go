package leasetimer

import "time"

// Timer fires once at a wall-clock time, which can be changed. It has one owner.
type Timer struct {
	timer *time.Timer
	at    time.Time
}

// NewTimer returns a Timer that is not set.
func NewTimer() *Timer {
	t := &Timer{timer: time.NewTimer(time.Hour)}
	t.timer.Stop()
	return t
}

// Set lets the timer fire at the given time, at once if that has passed, and forgets any earlier one. Set
// again to the time at which it has fired, it fires again. The zero time unsets it.
func (t *Timer) Set(at time.Time) {
	t.at = wall(at)
	t.timer.Stop()
	if !at.IsZero() {
		t.timer.Reset(max(0, time.Until(t.at)))
	}
}

// C is where the timer fires. Timers count running time, so a caller that may have slept asks Due as well.
func (t *Timer) C() <-chan time.Time { return t.timer.C }

// Due reports whether the time has come by the wall clock.
func (t *Timer) Due(now time.Time) bool {
	return !t.at.IsZero() && !wall(now).Before(t.at)
}

// Stop ends the timer.
func (t *Timer) Stop() { t.timer.Stop() }

package refresh

import "time"

// modelBreaker does what breaker does, by a clock that it is given.
type modelBreaker struct {
	failures int
	longest  time.Duration

	open   time.Duration // how long it stays so
	until  time.Time     // not zero: it has opened, and lets nobody pass until after this
	inARow int           // failures since the last success
	asked  bool          // the fetch under way went through it
}

// fit closes it, and sets how long it stays open, as breaker.fit does.
func (b *modelBreaker) fit(slack time.Duration) {
	b.open = b.longest
	if slack > 0 {
		b.open = min(b.open, slack/4)
	}
	b.open = max(b.open, time.Millisecond)
	b.until, b.inARow = time.Time{}, 0
}

// pass reports whether a fetch reaches the source; force goes around the breaker.
func (b *modelBreaker) pass(force bool, now time.Time) bool {
	b.asked = !force
	return force || b.until.IsZero() || now.After(b.until)
}

// answered takes note of the source's answer to a fetch that has passed.
func (b *modelBreaker) answered(ok bool, now time.Time) {
	switch {
	case !b.asked:
	case ok:
		b.until, b.inARow = time.Time{}, 0
	default:
		b.inARow++
		if b.inARow >= b.failures {
			b.until = now.Add(b.open)
		}
	}
}

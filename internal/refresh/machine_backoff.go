package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
)

// Waits between attempts. While callers wait for a login, or a pool for its first, the engine tries quickly;
// a candidate that the server refused while the login in use is good can wait.
const (
	urgentBase = 200 * time.Millisecond
	urgentMax  = 10 * time.Second // at first
	urgentLast = 30 * time.Second // see withoutLogin
	calmBase   = time.Second
	calmMax    = time.Minute
	refusedMax = time.Hour

	// refusalMemory is how long the pool must have been at peace before a refused login is again answered
	// by a fetch at once, instead of by one that waits for its backoff.
	refusalMemory = time.Minute
)

// refusal remembers a version that the server or the probe refused.
type refusal struct {
	until time.Time
	times int
	err   *rekey.VerifyError
}

func (s *stepper) reachedUntil(version string) bool {
	r, ok := s.refused[version]
	return ok && s.now.Before(r.until)
}

// remember keeps a refused version from being tried again before its backoff ends.
func (s *stepper) remember(version string, err *rekey.VerifyError) {
	r := s.refused[version]
	r.times++
	r.err = err
	r.until = s.now.Add(s.refusedBackoff().Wait(r.times, s.random))
	s.forget()
	s.refused[version] = r
}

// refusedBackoff is how long a refused version is left alone. With a good login in use, that grows up to an
// hour: a wrong password in the store must not become a login at every poll.
func (s *stepper) refusedBackoff() leasetimer.Backoff {
	b := s.backoff()
	if b.Max == calmMax {
		b.Max = refusedMax
	}
	return b
}

// forget drops refusals that are over by far, so that a source which makes versions up cannot fill memory.
func (s *stepper) forget() {
	for version, r := range s.refused {
		if s.now.Sub(r.until) > 2*refusedMax {
			delete(s.refused, version)
		}
	}
}

// retry plans the next attempt after a failure.
func (s *stepper) retry(permanent bool) {
	b := s.backoff()
	failures := s.failures
	if s.expired {
		failures -= s.before // those cost nobody anything
	}
	wait := b.Wait(max(1, failures), s.random)
	if s.trouble != nil {
		wait = b.Wait(max(1, s.trouble.tries), s.random)
	}
	if permanent {
		wait = s.policy.Jittered(b.Max, s.random)
	}
	s.pause = s.beforeTheEnd(wait)
	s.due = s.now.Add(s.pause)
}

// beforeTheEnd shortens a wait, so that there is an attempt in every quarter of the time that is left of a lease: a source
// that comes back just before its end is not missed.
func (s *stepper) beforeTheEnd(wait time.Duration) time.Duration {
	if s.current == nil || s.expired || s.current.NotAfter.IsZero() {
		return wait
	}
	least := max(10*time.Millisecond, min(calmBase, s.policy.Slack(s.current.Credential)/50))
	return min(wait, max(least, s.current.NotAfter.Sub(s.now)/4))
}

// urgent reports whether the lease in hand is in the last third of its slack: then the circuit breaker does not stand in
// the way either.
func (s *stepper) urgent() bool {
	if s.current == nil || s.current.NotAfter.IsZero() {
		return false
	}
	return s.current.NotAfter.Sub(s.now) < s.policy.Slack(s.current.Credential)/3
}

// urgentBackoff is for when callers wait.
var urgentBackoff = leasetimer.Backoff{Base: urgentBase, Max: urgentMax}

// withoutLogin is for when nobody can log in. Its longest wait grows with the time that was waited so far, so that an outage
// becomes a tenth longer by it at most, and thousands of pools leave a source that is down alone: it comes back sooner then.
func (s *stepper) withoutLogin() leasetimer.Backoff {
	b := urgentBackoff
	b.Max = min(max(urgentMax, s.waited/10), urgentLast)
	return b
}

// backoff fits the wait to what a failure costs: little time while nobody can log in, and never so much
// that a lease runs out between two attempts.
func (s *stepper) backoff() leasetimer.Backoff {
	if s.current == nil || s.trouble != nil || s.expired {
		return s.withoutLogin()
	}
	slack := s.policy.Slack(s.current.Credential)
	if slack == 0 {
		return leasetimer.Backoff{Base: calmBase, Max: calmMax}
	}
	base := max(10*time.Millisecond, min(calmBase, slack/10))
	return leasetimer.Backoff{Base: base, Max: max(base, min(calmMax, slack/4))}
}

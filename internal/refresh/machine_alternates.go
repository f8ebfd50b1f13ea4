package refresh

import (
	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// tryAlternates asks what else may be right after the server refused c, or gives the round up.
func (s *stepper) tryAlternates(c source.Credential) {
	if s.canAlternates && s.refusedPassword(c) && !s.askedAlternates() {
		s.setAskedAlternates(true)
		s.start(opAlternates, alternates{c})
		return
	}
	s.giveUpRound()
}

// refusedPassword reports whether the server refused the password of c, and of the login in use if that is what
// the pool suffers from.
func (s *stepper) refusedPassword(c source.Credential) bool {
	if s.trouble != nil && s.trouble.err.Class != rekey.VerifyRefused {
		return false
	}
	r, ok := s.refused[c.Version]
	return s.inUse(c.Version) || ok && r.err.Class == rekey.VerifyRefused
}

func (s *stepper) askedAlternates() bool { return s.trouble != nil && s.trouble.askedAlternates }

func (s *stepper) setAskedAlternates(asked bool) {
	if s.trouble != nil {
		s.trouble.askedAlternates = asked
	}
}

func (s *stepper) alternated(in alternated) {
	s.op = opNone
	if in.err != nil {
		s.lastErr = in.err
		s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures + 1, Duration: in.took})
	} else {
		s.emit(rekey.AlternatesEvent{Candidates: len(in.candidates), Duration: in.took})
	}
	s.queue = in.candidates
	s.tryNext()
}

// tryNext verifies the next alternate that is worth it, or gives the round up.
func (s *stepper) tryNext() {
	for len(s.queue) > 0 {
		next := s.queue[0]
		s.queue = s.queue[1:]
		if s.inUse(next.Version) || s.reachedUntil(next.Version) || next.Username == "" || s.spent(next) {
			continue
		}
		s.candidate = &candidate{credential: next, alternate: true}
		s.start(opVerify, verify{next})
		return
	}
	s.giveUpRound()
}

// giveUpRound ends a round that found nothing to adopt, after a last look at the login in use.
func (s *stepper) giveUpRound() {
	if s.mayBeRight() {
		s.verifySame()
		return
	}
	s.failures++
	s.failedToAnswer()
	err := s.lastErr
	if s.trouble != nil {
		err = s.trouble.err
		s.lastErr = err
	}
	s.retry(false)
	s.conclude(err)
}

// needsAlternates reports whether the refusal of c leaves the pool without a login.
func (s *stepper) needsAlternates(c *candidate) bool {
	if s.current == nil || s.expired && s.trouble == nil {
		return !c.alternate
	}
	return s.trouble != nil && (!c.alternate || s.inUse(c.credential.Version))
}

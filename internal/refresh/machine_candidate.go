package refresh

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// candidate is a credential on its way to be adopted.
type candidate struct {
	credential source.Credential
	alternate  bool
}

// spent reports whether a credential is too near its end to be worth adopting.
func (s *stepper) spent(c source.Credential) bool { return s.reached(s.policy.NotAfter(c)) }

// dropCandidate gives a credential back that will not be adopted.
func (s *stepper) dropCandidate() {
	if s.candidate == nil {
		return
	}
	if !s.candidate.alternate && !s.inUse(s.candidate.credential.Version) {
		s.do(retire{s.candidate.credential})
	}
	s.candidate = nil
}

// supersede drops the candidate in hand unless it is the given version.
func (s *stepper) supersede(version string) {
	if s.candidate != nil && s.candidate.credential.Version != version {
		s.dropCandidate()
	}
}

func (s *stepper) verified(in verified) {
	s.op = opNone
	c := s.candidate
	switch {
	case in.err == nil && s.inUse(c.credential.Version):
		s.restored(in.took)
	case in.err == nil && s.spent(c.credential):
		s.notVerified(&rekey.VerifyError{
			Version: c.credential.Version, Err: errors.New("it came to its end while it was being verified"),
		}, in.took)
	case in.err == nil:
		s.adopt(c, in.took)
	case in.err.Class == rekey.VerifyUnknown:
		s.notVerified(in.err, in.took)
	default:
		s.refuse(c, in.err, in.took)
	}
}

func (s *stepper) adopt(c *candidate, took time.Duration) {
	if s.trouble != nil {
		s.lastTrust = s.now
	}
	if s.trouble != nil && s.trouble.err.Class == rekey.VerifyRefused {
		s.remember(s.current.Credential.Version, s.trouble.err)
	}
	g := &Generation{
		ID: 1, Credential: c.credential, NotAfter: s.policy.NotAfter(c.credential),
		FirstIssuedAt: c.credential.IssuedAt, AdoptedAt: s.now, Alternate: c.alternate,
	}
	if s.current != nil {
		g.ID = s.current.ID + 1
	}
	s.current = g
	recovered := s.expired // and with it, perhaps, every pool of a fleet
	s.candidate, s.trouble, s.queue = nil, nil, nil
	s.expired = false
	s.failures, s.lastErr, s.startErr = 0, nil, nil
	delete(s.refused, c.credential.Version)
	s.do(publish{g})
	s.emit(rekey.AdoptedEvent{
		Generation: g.ID, Version: c.credential.Version, Username: c.credential.Username,
		ExpiresAt: c.credential.ExpiresAt, Alternate: c.alternate, Verify: took,
	})
	s.schedule(g.ID == 1 || recovered)
	s.conclude(nil)
}

// notVerified: the check could not be made. The candidate stays in hand, so that a database out of reach
// does not make an issuer create login after login.
func (s *stepper) notVerified(err *rekey.VerifyError, took time.Duration) {
	s.failures++
	s.lastErr = err
	s.failedToAnswer()
	if s.inUse(s.candidate.credential.Version) {
		s.candidate = nil
	}
	s.retry(false)
	s.emit(rekey.RefusedEvent{Err: err, RetryAt: s.due, Duration: took})
	s.conclude(err)
}

// refuse: the credential is of no use.
func (s *stepper) refuse(c *candidate, err *rekey.VerifyError, took time.Duration) {
	version := c.credential.Version
	s.lastErr = err
	s.remember(version, err)
	if s.inUse(version) {
		s.trouble.err = err
		s.candidate = nil
	} else {
		s.dropCandidate()
	}
	s.emit(rekey.RefusedEvent{Err: err, RetryAt: s.refused[version].until, Duration: took})
	if s.current == nil && !c.alternate && err.Class != rekey.VerifyRefused {
		s.startErr = err
	}
	switch {
	case c.alternate && len(s.queue) > 0:
		s.tryNext()
	case err.Class == rekey.VerifyRefused && s.needsAlternates(c):
		s.tryAlternates(c.credential)
	default:
		s.giveUpRound()
	}
}

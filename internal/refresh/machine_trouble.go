package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// trouble is a login in use that the server refuses.
type trouble struct {
	err       *rekey.VerifyError
	tries     int  // refreshes that did not end it
	hold      bool // callers had better wait than fail
	confirmed bool // the source, asked anew, knows no other login
	revoked   bool // found on an open connection: whether the server refuses the login is not known yet

	askedAlternates bool // in this round
	verifiedSame    bool // in this round
}

func (s *stepper) distrust(in distrust) {
	if s.current == nil || in.generation != s.current.ID || s.trouble != nil {
		return
	}
	s.trouble = &trouble{err: in.err, hold: true, revoked: in.revoked}
	s.waited = 0
	clear(s.refused) // what was refused beside a good login is now as good as any
	s.do(suspect{s.current, in.revoked})
	s.emit(rekey.LoginRefusedEvent{
		Generation: s.current.ID, Version: s.current.Credential.Version,
		SQLState: in.err.SQLState, Revoked: in.revoked,
	})
	if s.now.Sub(s.lastTrust) > refusalMemory {
		s.refusals = 0
	}
	wait := time.Duration(0)
	if s.refusals > 0 {
		wait = urgentBackoff.Wait(s.refusals, s.random)
	}
	s.refusals++
	s.lastTrust = s.now
	switch {
	case s.op != opNone: // what is under way may be the cure; if not, its end starts the next round
	case wait == 0:
		s.begin()
	default:
		s.due = s.now.Add(wait)
	}
}

// mayBeRight reports whether the login in use, refused before, is worth another login in this round.
func (s *stepper) mayBeRight() bool {
	t := s.trouble
	return t != nil && !t.verifiedSame && (t.revoked || t.tries > 0) && !s.reachedUntil(s.current.Credential.Version)
}

// verifySame tries the login in use: it may have become right again.
func (s *stepper) verifySame() {
	s.trouble.revoked = false
	s.trouble.verifiedSame = true
	s.candidate = &candidate{credential: s.current.Credential, alternate: s.current.Alternate}
	s.start(opVerify, verify{s.current.Credential})
}

// failedToAnswer notes that a round did not end the trouble with the login in use.
func (s *stepper) failedToAnswer() {
	if s.trouble == nil {
		return
	}
	s.trouble.tries++
	s.trouble.askedAlternates, s.trouble.verifiedSame = false, false
	if s.trouble.err.Class == rekey.VerifyForbidden && s.trouble.confirmed {
		s.trouble.hold = false // an operator who disables a login means it
	}
}

// restored: the server accepts the login in use again.
func (s *stepper) restored(took time.Duration) {
	s.candidate, s.trouble, s.queue = nil, nil, nil
	s.failures, s.lastErr = 0, nil
	s.lastTrust = s.now
	delete(s.refused, s.current.Credential.Version)
	s.expired = s.expired && s.reached(s.current.NotAfter) // unless the clock was wrong
	s.do(extend{s.current})
	if s.expired {
		s.do(expire{s.current})
	}
	s.emit(rekey.LoginRestoredEvent{
		Generation: s.current.ID, Version: s.current.Credential.Version, Verify: took,
	})
	s.schedule(false)
	s.conclude(nil)
}

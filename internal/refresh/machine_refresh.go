package refresh

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

func (s *stepper) fetched(in fetched) {
	s.op = opNone
	c := s.sameLease(in.credential)
	if in.err == nil {
		in.err = s.rubbish(c)
	}
	if in.err != nil {
		s.fetchFailed(in)
		return
	}
	changed := !s.inUse(c.Version)
	s.emit(rekey.FetchedEvent{Version: c.Version, Changed: changed, Forced: in.forced, Duration: in.took})
	s.fetchErr = nil
	if !changed {
		s.unchanged(c, in.forced)
		return
	}
	s.supersede(c.Version)
	if s.reachedUntil(c.Version) {
		s.stillRefused(c)
		return
	}
	s.startErr = nil // another try, which may end otherwise
	s.candidate = &candidate{credential: c}
	s.start(opVerify, verify{c})
}

// sameLease fits the times of the login in use, told anew. An extended lease counts from its extension: window
// and margin must not grow with every renewal until they are longer than the lease.
func (s *stepper) sameLease(c source.Credential) source.Credential {
	if !s.inUse(c.Version) {
		return c
	}
	switch old := s.current.Credential; {
	case c.ExpiresAt.Equal(old.ExpiresAt):
		c.IssuedAt = old.IssuedAt
	case c.ExpiresAt.After(old.ExpiresAt) && !c.IssuedAt.After(old.IssuedAt):
		c.IssuedAt = s.now
	}
	return c
}

// rubbish finds a credential that no server can accept, or not for long enough. The login in use, told with an
// earlier end, is not rubbish but news.
func (s *stepper) rubbish(c source.Credential) *rekey.FetchError {
	var reason string
	switch {
	case c.Username == "":
		reason = "source returned a credential without a username"
	case s.inUse(c.Version) && !s.expired:
		return nil
	case s.reached(c.ExpiresAt):
		reason = "source returned a credential that has already expired"
	case s.spent(c):
		reason = "source returned a credential that is about to expire"
	default:
		return nil
	}
	s.giveBack(c)
	return &rekey.FetchError{Op: "fetch", Err: errors.New(reason)}
}

// giveBack returns what the source gave and the pool will not use.
func (s *stepper) giveBack(c source.Credential) {
	switch {
	case s.inUse(c.Version):
	case s.candidate != nil && s.candidate.credential.Version == c.Version:
		s.dropCandidate()
	default:
		s.do(retire{c})
	}
}

// unchanged: the source still says what is in use.
func (s *stepper) unchanged(c source.Credential, forced bool) {
	s.dropCandidate()
	s.confirm()
	if s.trouble != nil && forced {
		s.trouble.confirmed = true
	}
	switch {
	case s.trouble == nil:
		s.failures = 0
		s.lastErr = nil
		s.extend(c)
		s.schedule(false)
		s.conclude(nil)
	case s.trouble.tries == 0 && !forced:
		// The answer may be older than the refusal.
		s.start(opFetch, fetch{force: true, fresh: true})
	case s.mayBeRight():
		s.verifySame()
	default:
		s.tryAlternates(s.current.Credential)
	}
}

// confirm notes that what was adopted as an alternate is the source's own choice now. While the server refuses it, the pool is
// told by what ends that.
func (s *stepper) confirm() {
	if !s.current.Alternate {
		return
	}
	g := *s.current
	g.Alternate = false
	s.current = &g
	if s.trouble == nil {
		s.do(extend{s.current})
	}
	s.emit(rekey.ConfirmedEvent{Generation: g.ID, Version: g.Credential.Version})
}

// stillRefused: the source says what was refused a moment ago. It is asked again as ever; what waits for the
// end of the refusal's backoff is the login.
func (s *stepper) stillRefused(c source.Credential) {
	if s.trouble != nil || s.current == nil || s.expired {
		s.tryAlternates(c)
		return
	}
	if !s.current.Alternate { // else it is the source that lags behind
		s.failures = max(1, s.failures)
		s.lastErr = s.refused[c.Version].err
	}
	s.schedule(false)
	s.conclude(s.lastErr)
}

func (s *stepper) fetchFailed(in fetched) {
	s.fetchErr = in.err
	s.lastErr = in.err
	s.startErr = nil
	if s.current == nil && in.err.Permanent {
		s.startErr = in.err
	}
	if s.candidate == nil && s.mayBeRight() {
		s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures + 1, Duration: in.took})
		s.verifySame()
		return
	}
	s.failures++
	if s.renewable() {
		s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures, Duration: in.took})
		s.start(opRenew, renew{credential: s.current.Credential})
		return
	}
	s.failedToAnswer()
	s.retry(in.err.Permanent)
	s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures, RetryAt: s.due, Duration: in.took})
	s.conclude(in.err)
}

// renewable reports whether extending the lease in hand is worth a try: it is a lease and not over, the server
// takes its login, there is nothing newer in hand, and this round has not tried yet.
func (s *stepper) renewable() bool {
	if !s.canRenew || s.leaseTried || s.current == nil || s.trouble != nil || s.candidate != nil {
		return false
	}
	end := s.current.Credential.ExpiresAt
	return !end.IsZero() && !s.reached(end)
}

func (s *stepper) renewed(in renewed) {
	s.op = opNone
	s.leaseTried = true
	c := s.sameLease(in.credential)
	if in.err == nil && s.shortens(c) {
		s.extend(c)
	}
	switch {
	case in.err == nil && (c.Version != s.current.Credential.Version || s.reached(s.policy.NotAfter(c))):
		in.err = &rekey.FetchError{Op: "renew", Err: errors.New("the lease in hand was not extended")}
	case in.err == nil && !c.ExpiresAt.After(s.current.Credential.ExpiresAt):
		in.err = &rekey.FetchError{Op: "renew", Err: errors.New("the lease in hand cannot be extended any further")}
	}
	if in.err != nil {
		s.renewFailed(in)
		return
	}
	s.extend(c)
	s.emit(rekey.RenewedEvent{
		Generation: s.current.ID, Version: c.Version, ExpiresAt: c.ExpiresAt, Fallback: !in.preferred, Duration: in.took,
	})
	if in.preferred && s.trouble == nil {
		s.renewedFirst(c)
		return
	}
	s.schedule(false)
	if s.trouble != nil {
		// Its login was refused meanwhile, and a longer life does not cure that.
		s.do(suspect{s.current, s.trouble.revoked})
		s.due = s.now
	}
	if in.preferred {
		s.conclude(nil)
		return
	}
	s.conclude(s.fetchErr)
}

// shortens reports whether c is the login in use with an earlier end, which is the one that counts: the issuer may be about
// to end it.
func (s *stepper) shortens(c source.Credential) bool {
	return s.inUse(c.Version) && !c.ExpiresAt.IsZero() && c.ExpiresAt.Before(s.current.Credential.ExpiresAt)
}

// renewFailed: fetching comes next, unless that was tried before.
func (s *stepper) renewFailed(in renewed) {
	if in.preferred {
		s.lastErr = in.err
		s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures + 1, Duration: in.took})
		s.start(opFetch, fetch{force: s.trouble != nil, fresh: s.trouble != nil})
		return
	}
	s.lastErr = errors.Join(s.fetchErr, in.err)
	s.retry(in.err.Permanent && s.fetchErr != nil && s.fetchErr.Permanent)
	s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures, RetryAt: s.due, Duration: in.took})
	s.conclude(s.lastErr)
}

// renewedFirst: the round is over, unless the source expects to have something newer already.
func (s *stepper) renewedFirst(c source.Credential) {
	if s.reached(c.RefreshAfter) {
		s.start(opFetch, fetch{})
		return
	}
	s.failures, s.lastErr = 0, nil
	s.schedule(false)
	s.conclude(nil)
}

// extend takes over the other times of the same login. An end that has been told is taken back where it has
// moved, or where the clock was wrong; one that has come meanwhile is told by expireIfEnded.
func (s *stepper) extend(c source.Credential) {
	old := s.current.Credential
	revived := s.expired && !s.spent(c)
	if c.ExpiresAt.Equal(old.ExpiresAt) && c.RefreshAfter.Equal(old.RefreshAfter) && !revived {
		return
	}
	g := *s.current
	g.Credential = c
	g.NotAfter = s.policy.NotAfter(c)
	s.current = &g
	s.expired = s.expired && !revived
	s.do(extend{s.current})
}

// schedule plans the next refresh of the login in use; first says that it is the pool's first, or the first after an
// outage that has outlasted the one before: where a fleet gets such at once, their refreshes are spread.
func (s *stepper) schedule(first bool) {
	s.due = s.policy.Due(s.current.Credential, s.now, first, s.random)
	if s.failures == 0 {
		s.planned = s.due
	}
}

// refreshDue is when the login in use should be replaced at the latest. A pool's first refresh may be due much earlier, so
// that a fleet spreads; that one was missed means nothing yet.
func (m *machine) refreshDue() time.Time {
	if m.current == nil {
		return time.Time{}
	}
	if latest := m.policy.Latest(m.current.Credential); !latest.IsZero() {
		return latest
	}
	return m.planned
}

package refresh

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// Waits between attempts. While callers wait for a login, or a pool for its first, the engine tries quickly;
// a candidate that the server refused while the login in use is good can wait.
const (
	urgentBase = 200 * time.Millisecond
	urgentMax  = 10 * time.Second
	calmBase   = time.Second
	calmMax    = time.Minute
	refusedMax = time.Hour

	// refusalMemory is how long the pool must have been at peace before a refused login is again answered
	// by a fetch at once, instead of by one that waits for its backoff.
	refusalMemory = time.Minute
)

// op is what the machine has started and not yet heard of. There is one at a time.
type op int

const (
	opNone op = iota
	opFetch
	opRenew
	opAlternates
	opVerify
)

func (o op) String() string {
	return [...]string{"none", "fetch", "renew", "alternates", "verify"}[o]
}

// machine decides. It does no I/O, reads no clock and draws no random number: step is a function of the
// machine, the input, the time and one random number, so every transition can be written as a table.
type machine struct {
	policy        leasetimer.Policy
	canRenew      bool
	canAlternates bool

	op      op
	current *Generation // nil until the first credential is verified
	due     time.Time   // when the next refresh starts; zero while one is under way

	candidate *candidate          // being verified, or waiting to be verified again
	queue     []source.Credential // alternates still to be tried
	refused   map[string]refusal  // versions not to be tried again yet

	trouble *trouble // the server refuses the login in use
	expired bool     // the login in use has ended
	trying  bool     // the first attempt after it ended has not come to an end

	asked     *ask // a refresh wanted once the one under way is over
	failures  int  // rounds that failed in a row
	before    int  // failures before the login in use ended
	lastErr   error
	startErr  error // why there will be no first credential without a change of configuration
	fetchErr  *rekey.FetchError
	rounds    uint64    // refreshes that came to an end, and
	roundErr  error     // how the last one did
	refusals  int       // distrust answered in a row
	lastTrust time.Time // when the server last began or ceased to refuse the login in use
	seen      time.Time // the latest step
}

// candidate is a credential on its way to be adopted.
type candidate struct {
	credential source.Credential
	alternate  bool
}

// refusal remembers a version that the server or the probe refused.
type refusal struct {
	until time.Time
	times int
	class rekey.VerifyClass
}

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

func newMachine(policy leasetimer.Policy, canRenew, canAlternates bool) *machine {
	return &machine{
		policy: policy, canRenew: canRenew, canAlternates: canAlternates,
		refused: map[string]refusal{},
	}
}

// step takes one input and says what to do. random lies in [0, 1).
func (m *machine) step(in input, now time.Time, random float64) []command {
	s := &stepper{machine: m, now: now.Round(0), random: random}
	m.follow(s.now)
	switch in := in.(type) {
	case tick:
		s.tick()
	case ask:
		s.ask(in)
	case distrust:
		s.distrust(in)
	case fetched:
		s.fetched(in)
	case renewed:
		s.renewed(in)
	case alternated:
		s.alternated(in)
	case verified:
		s.verified(in)
	}
	return s.commands
}

// follow takes note of the time. When the clock was set back, what the machine waits for must not come that
// much later. Ends of credentials are the issuer's, and stay.
func (m *machine) follow(now time.Time) {
	now = now.Round(0)
	back := m.seen.Sub(now)
	m.seen = now
	if back <= 0 {
		return
	}
	m.lastTrust = m.lastTrust.Add(-back)
	if !m.due.IsZero() {
		m.due = m.due.Add(-back)
	}
	for version, r := range m.refused {
		r.until = r.until.Add(-back)
		m.refused[version] = r
	}
}

// wake is when the machine wants to be asked again.
func (m *machine) wake() time.Time {
	if m.current == nil || m.current.NotAfter.IsZero() || m.expired {
		return m.due
	}
	if m.due.IsZero() || m.current.NotAfter.Before(m.due) {
		return m.current.NotAfter
	}
	return m.due
}

// answeringRound is the number of the round whose end answers somebody who has just asked.
func (m *machine) answeringRound() uint64 {
	if m.asked != nil {
		return m.rounds + 2 // the one under way comes first
	}
	return m.rounds + 1
}

// stepper is one step: the machine, the moment, and what comes of it.
type stepper struct {
	*machine
	now      time.Time
	random   float64
	commands []command
}

func (s *stepper) do(c command)             { s.commands = append(s.commands, c) }
func (s *stepper) emit(e rekey.Event)       { s.do(emit{e}) }
func (s *stepper) reached(t time.Time) bool { return !t.IsZero() && !s.now.Before(t) }

// start begins an operation; the machine hears of its end.
func (s *stepper) start(o op, c command) {
	s.op = o
	s.due = time.Time{}
	s.do(c)
}

func (s *stepper) tick() {
	s.expireIfEnded()
	if s.op == opNone && s.reached(s.due) {
		s.begin()
	}
}

func (s *stepper) expireIfEnded() {
	if s.current == nil || s.expired || !s.reached(s.current.NotAfter) {
		return
	}
	s.expired = true
	s.trying = true
	s.before = s.failures
	clear(s.refused) // what was refused beside a good login is now as good as any
	s.do(expire{s.current})
	s.emit(rekey.ExpiredEvent{
		Generation: s.current.ID, Version: s.current.Credential.Version, Cause: s.lastErr,
	})
	if s.op == opNone {
		s.due = s.now
	}
}

// ask: a candidate in hand stays until the source has named another.
func (s *stepper) ask(in ask) {
	if s.op == opNone {
		s.start(opFetch, fetch(in))
		return
	}
	if s.asked == nil {
		s.asked = &ask{}
	}
	s.asked.force = s.asked.force || in.force
	s.asked.fresh = s.asked.fresh || in.fresh
}

// begin starts a round: with the candidate in hand if there is one, else by asking the source. While nobody can
// log in, the circuit breaker does not stand in the way, and a login that callers had already is of no use.
func (s *stepper) begin() {
	if s.candidate != nil && !s.spent(s.candidate.credential) {
		s.start(opVerify, verify{s.candidate.credential})
		return
	}
	s.dropCandidate()
	useless := s.trouble != nil || s.expired
	s.start(opFetch, fetch{force: useless || s.current == nil, fresh: useless})
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

func (s *stepper) inUse(version string) bool {
	return s.current != nil && s.current.Credential.Version == version
}

func (s *stepper) distrust(in distrust) {
	if s.current == nil || in.generation != s.current.ID || s.trouble != nil {
		return
	}
	s.trouble = &trouble{err: in.err, hold: true, revoked: in.revoked}
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

func (s *stepper) reachedUntil(version string) bool {
	r, ok := s.refused[version]
	return ok && s.now.Before(r.until)
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
		s.start(opRenew, renew{s.current.Credential})
		return
	}
	s.failedToAnswer()
	s.retry(in.err.Permanent)
	s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures, RetryAt: s.due, Duration: in.took})
	s.conclude(in.err)
}

// renewable reports whether extending the lease in hand is worth a try: it is a lease and not over, the server
// takes its login, and there is nothing newer in hand.
func (s *stepper) renewable() bool {
	if !s.canRenew || s.current == nil || s.trouble != nil || s.candidate != nil {
		return false
	}
	end := s.current.Credential.ExpiresAt
	return !end.IsZero() && !s.reached(end)
}

func (s *stepper) renewed(in renewed) {
	s.op = opNone
	fetchErr := s.fetchErr
	c := s.sameLease(in.credential)
	switch {
	case in.err == nil && (c.Version != s.current.Credential.Version || s.reached(s.policy.NotAfter(c))):
		in.err = &rekey.FetchError{Op: "renew", Err: errors.New("the lease in hand was not extended")}
	case in.err == nil && !c.ExpiresAt.After(s.current.Credential.ExpiresAt):
		in.err = &rekey.FetchError{Op: "renew", Err: errors.New("the lease in hand cannot be extended any further")}
	}
	if in.err != nil {
		s.lastErr = errors.Join(fetchErr, in.err)
		s.retry(in.err.Permanent && fetchErr != nil && fetchErr.Permanent)
		s.emit(rekey.RefreshFailedEvent{Err: in.err, Failures: s.failures, RetryAt: s.due, Duration: in.took})
		s.conclude(s.lastErr)
		return
	}
	s.extend(c)
	s.emit(rekey.RenewedEvent{
		Generation: s.current.ID, Version: c.Version, ExpiresAt: c.ExpiresAt, Fallback: true, Duration: in.took,
	})
	s.schedule(false)
	if s.trouble != nil {
		// Its login was refused meanwhile, and a longer life does not cure that.
		s.do(suspect{s.current, s.trouble.revoked})
		s.due = s.now
	}
	s.conclude(fetchErr)
}

// unchanged: the source still says what is in use.
func (s *stepper) unchanged(c source.Credential, forced bool) {
	s.dropCandidate()
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

// stillRefused: the source says what was refused a moment ago. It is asked again as ever; what waits for the
// end of the refusal's backoff is the login.
func (s *stepper) stillRefused(c source.Credential) {
	if s.trouble != nil || s.current == nil || s.expired {
		s.tryAlternates(c)
		return
	}
	s.schedule(false)
	s.conclude(s.lastErr)
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

// schedule plans the next refresh of the login in use; first says that it is the pool's first.
func (s *stepper) schedule(first bool) {
	s.due = s.policy.Due(s.current.Credential, s.now, first, s.random)
}

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
	return s.inUse(c.Version) || s.refused[c.Version].class == rekey.VerifyRefused
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

func (s *stepper) verified(in verified) {
	s.op = opNone
	c := s.candidate
	switch {
	case in.err == nil && s.inUse(c.credential.Version):
		s.restored()
	case in.err == nil && s.spent(c.credential):
		s.notVerified(&rekey.VerifyError{
			Version: c.credential.Version, Err: errors.New("it came to its end while it was being verified"),
		})
	case in.err == nil:
		s.adopt(c, in.took)
	case in.err.Class == rekey.VerifyUnknown:
		s.notVerified(in.err)
	default:
		s.refuse(c, in.err)
	}
}

// restored: the server accepts the login in use again.
func (s *stepper) restored() {
	s.candidate, s.trouble, s.queue = nil, nil, nil
	s.failures, s.lastErr = 0, nil
	s.lastTrust = s.now
	delete(s.refused, s.current.Credential.Version)
	s.expired = s.expired && s.reached(s.current.NotAfter) // unless the clock was wrong
	s.do(extend{s.current})
	if s.expired {
		s.do(expire{s.current})
	}
	s.emit(rekey.LoginRestoredEvent{Generation: s.current.ID, Version: s.current.Credential.Version})
	s.schedule(false)
	s.conclude(nil)
}

func (s *stepper) adopt(c *candidate, took time.Duration) {
	if s.trouble != nil {
		s.lastTrust = s.now
	}
	if s.trouble != nil && s.trouble.err.Class == rekey.VerifyRefused {
		s.remember(s.current.Credential.Version, rekey.VerifyRefused)
	}
	g := &Generation{
		ID: 1, Credential: c.credential, NotAfter: s.policy.NotAfter(c.credential),
		AdoptedAt: s.now, Alternate: c.alternate,
	}
	if s.current != nil {
		g.ID = s.current.ID + 1
	}
	s.current = g
	s.candidate, s.trouble, s.queue = nil, nil, nil
	s.expired, s.trying = false, false
	s.failures, s.lastErr, s.startErr = 0, nil, nil
	delete(s.refused, c.credential.Version)
	s.do(publish{g})
	s.emit(rekey.AdoptedEvent{
		Generation: g.ID, Version: c.credential.Version, Username: c.credential.Username,
		ExpiresAt: c.credential.ExpiresAt, Alternate: c.alternate, Verify: took,
	})
	s.schedule(g.ID == 1)
	s.conclude(nil)
}

// notVerified: the check could not be made. The candidate stays in hand, so that a database out of reach
// does not make an issuer create login after login.
func (s *stepper) notVerified(err *rekey.VerifyError) {
	s.failures++
	s.lastErr = err
	s.failedToAnswer()
	if s.inUse(s.candidate.credential.Version) {
		s.candidate = nil
	}
	s.retry(false)
	s.emit(rekey.RefusedEvent{Err: err, RetryAt: s.due})
	s.conclude(err)
}

// refuse: the credential is of no use.
func (s *stepper) refuse(c *candidate, err *rekey.VerifyError) {
	version := c.credential.Version
	s.lastErr = err
	s.remember(version, err.Class)
	if s.inUse(version) {
		s.trouble.err = err
		s.candidate = nil
	} else {
		s.dropCandidate()
		s.emit(rekey.RefusedEvent{Err: err, RetryAt: s.refused[version].until})
	}
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

// needsAlternates reports whether the refusal of c leaves the pool without a login.
func (s *stepper) needsAlternates(c *candidate) bool {
	if s.current == nil || s.expired && s.trouble == nil {
		return !c.alternate
	}
	return s.trouble != nil && (!c.alternate || s.inUse(c.credential.Version))
}

// remember keeps a refused version from being tried again before its backoff ends.
func (s *stepper) remember(version string, class rekey.VerifyClass) {
	r := s.refused[version]
	r.times++
	r.class = class
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
		wait = b.Max
	}
	s.due = s.now.Add(wait)
}

// urgentBackoff is for when callers wait.
var urgentBackoff = leasetimer.Backoff{Base: urgentBase, Max: urgentMax}

// backoff fits the wait to what a failure costs: little time while nobody can log in, and never so much
// that a lease runs out between two attempts.
func (s *stepper) backoff() leasetimer.Backoff {
	if s.current == nil || s.trouble != nil || s.expired {
		return urgentBackoff
	}
	slack := s.policy.Slack(s.current.Credential)
	if slack == 0 {
		return leasetimer.Backoff{Base: calmBase, Max: calmMax}
	}
	base := max(10*time.Millisecond, min(calmBase, slack/10))
	return leasetimer.Backoff{Base: base, Max: max(base, min(calmMax, slack/4))}
}

// conclude ends a round and starts the one that was asked for meanwhile.
func (s *stepper) conclude(err error) {
	s.rounds++
	s.roundErr = err
	s.trying = false
	if s.asked != nil {
		again := *s.asked
		s.asked = nil
		s.ask(again)
	}
}

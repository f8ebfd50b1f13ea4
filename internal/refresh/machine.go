package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
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
	preferRenew   bool // extend the lease in hand first, and fetch when that cannot be done

	op      op
	current *Generation // nil until the first credential is verified
	due     time.Time   // when the next refresh starts; zero while one is under way
	planned time.Time   // the same, as it was after the last one that went well

	candidate *candidate          // being verified, or waiting to be verified again
	queue     []source.Credential // alternates still to be tried
	refused   map[string]refusal  // versions not to be tried again yet

	trouble *trouble  // the server refuses the login in use
	expired bool      // the login in use has ended
	endedAt time.Time // when it ended

	asked      *ask // a refresh wanted once the one under way is over
	failures   int  // rounds that failed in a row
	before     int  // failures before the login in use ended
	lastErr    error
	startErr   error // why there will be no first credential without a change of configuration
	fetchErr   *rekey.FetchError
	leaseTried bool          // this round has tried to extend the lease in hand
	rounds     uint64        // refreshes that came to an end, and
	roundErr   error         // how the last one did
	refusals   int           // distrust answered in a row
	lastTrust  time.Time     // when the server last began or ceased to refuse the login in use
	seen       time.Time     // the latest step
	pause      time.Duration // before the next attempt
	waited     time.Duration // the pauses that there have been since nobody can log in: clocks do not matter to it
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
	m.planned = m.planned.Add(-back)
	m.endedAt = m.endedAt.Add(-back)
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
	s.due, s.pause = time.Time{}, 0
	s.do(c)
}

func (s *stepper) tick() {
	s.expireIfEnded()
	if s.op == opNone && s.reached(s.due) {
		s.waited += s.pause
		s.begin()
	}
}

func (s *stepper) expireIfEnded() {
	if s.current == nil || s.expired || !s.reached(s.current.NotAfter) {
		return
	}
	s.expired, s.endedAt, s.waited = true, s.now, 0
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
		s.leaseTried = false
		s.start(opFetch, fetch(in))
		return
	}
	if s.asked == nil {
		s.asked = &ask{}
	}
	s.asked.force = s.asked.force || in.force
	s.asked.fresh = s.asked.fresh || in.fresh
}

// begin starts a round: with the candidate in hand if there is one, else by asking the source, or by extending the lease
// where that is preferred. While nobody can log in, or will soon, the circuit breaker does not stand in the way, and
// a login that callers had already is of no use.
func (s *stepper) begin() {
	s.leaseTried = false
	if s.candidate != nil && !s.spent(s.candidate.credential) {
		s.start(opVerify, verify{s.candidate.credential})
		return
	}
	s.dropCandidate()
	if s.preferRenew && s.renewable() && !s.reached(s.current.Credential.RefreshAfter) {
		s.fetchErr = nil
		s.start(opRenew, renew{credential: s.current.Credential, preferred: true})
		return
	}
	useless := s.trouble != nil || s.expired
	s.start(opFetch, fetch{force: useless || s.current == nil || s.urgent(), fresh: useless})
}

func (s *stepper) inUse(version string) bool {
	return s.current != nil && s.current.Credential.Version == version
}

// conclude ends a round and starts the one that was asked for meanwhile.
func (s *stepper) conclude(err error) {
	s.rounds++
	s.roundErr = err
	if s.asked != nil {
		again := *s.asked
		s.asked = nil
		s.ask(again)
	}
}

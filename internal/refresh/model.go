package refresh

import (
	"errors"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// Call is what a Model waits for.
type Call int

const (
	// Idle: nothing, until Wake.
	Idle Call = iota
	// Fetching: the end of a fetch.
	Fetching
	// Renewing: the end of a renewal of the lease in use.
	Renewing
	// Verifying: the end of a verification.
	Verifying
)

// Move is what comes of one step of a Model.
type Move struct {
	// Call is what was begun, and Credential what it is for: the lease to be extended, or the credential to be verified.
	Call       Call
	Credential source.Credential
	// Replaced is the credential that is no longer in use, if one was adopted in its place.
	Replaced *source.Credential
}

// Model is one pool's machine and circuit breaker without the engine around them. It has no goroutine, reads no clock and
// asks nobody: the caller is its clock, its source and its server. It is for simulations of many pools over a long time, and
// knows of sources without alternates only.
type Model struct {
	machine *machine
	breaker modelBreaker
	random  func() float64
}

// errUnasked is what an open circuit breaker answers.
var errUnasked = errors.New("the circuit breaker is open")

// NewModel returns a model with the given settings, whose zero values mean the defaults. random gives numbers in [0, 1).
func NewModel(s Settings, canRenew bool, random func() float64) *Model {
	config := s.WithDefaults().Config()
	m := &Model{
		machine: newMachine(config.Policy, canRenew, false),
		breaker: modelBreaker{failures: int(config.BreakerFailures), longest: config.BreakerOpen},
		random:  random,
	}
	m.machine.preferRenew = config.PreferRenew
	m.breaker.fit(0)
	return m
}

// Start begins the first refresh.
func (m *Model) Start(now time.Time) Move { return m.step(ask{}, now) }

// Tick says that time has passed. Call it when Wake has come, also while something is under way.
func (m *Model) Tick(now time.Time) Move { return m.step(tick{}, now) }

// Fetched ends a fetch.
func (m *Model) Fetched(c source.Credential, err error, now time.Time) Move {
	m.breaker.answered(err == nil, now)
	if err != nil {
		return m.step(fetched{err: fetchError("fetch", err)}, now)
	}
	return m.step(fetched{credential: c}, now)
}

// Renewed ends a renewal.
func (m *Model) Renewed(c source.Credential, err error, now time.Time) Move {
	in := renewed{preferred: m.machine.preferRenew && m.machine.fetchErr == nil, credential: c}
	if err != nil {
		in.err = fetchError("renew", err)
	}
	return m.step(in, now)
}

// Verified ends a verification.
func (m *Model) Verified(err error, now time.Time) Move {
	c := m.machine.candidate
	return m.step(verified{err: verifyError(c.credential.Version, err)}, now)
}

// Wake is when the model wants its next Tick; zero while it waits for the end of what it has begun, and for that alone.
func (m *Model) Wake() time.Time { return m.machine.wake() }

// Usable reports whether connections can be made: a credential is in use, and has not come to its end.
func (m *Model) Usable() bool { return m.machine.current != nil && !m.machine.expired }

// step steps the machine, and again where the circuit breaker answers in place of the source.
func (m *Model) step(in input, now time.Time) Move {
	var move Move
	for in != nil {
		var next input
		before := m.machine.current
		for _, c := range m.machine.step(in, now, m.random()) {
			if unasked := m.carryOut(c, before, now, &move); unasked != nil {
				next = unasked
			}
		}
		in = next
	}
	return move
}

// carryOut notes a command, as the engine would carry it out. It returns what the breaker answers to a fetch.
func (m *Model) carryOut(c command, before *Generation, now time.Time, move *Move) input {
	switch c := c.(type) {
	case fetch:
		if m.breaker.pass(c.force, now) {
			move.Call = Fetching
			return nil
		}
		return fetched{err: &rekey.FetchError{Op: "fetch", Unasked: true, Err: errUnasked}}
	case renew:
		move.Call, move.Credential = Renewing, c.credential
	case verify:
		move.Call, move.Credential = Verifying, c.credential
	case publish:
		if before != nil {
			move.Replaced = &before.Credential
		}
		m.breaker.fit(m.machine.policy.Slack(c.generation.Credential))
	case extend:
		m.breaker.fit(m.machine.policy.Slack(c.generation.Credential))
	}
	return nil
}

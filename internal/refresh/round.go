package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// round is a refresh as it is told of: from what began it to what came of it. It belongs to the engine's goroutine.
type round struct {
	began   time.Time // zero: none is under way
	trigger rekey.Trigger
	outcome rekey.Outcome // empty: nothing yet
	failed  int           // refreshes before it, in a row
}

// note remembers what came of the round, by what is told of it.
func (r *round) note(event rekey.Event) {
	switch event.(type) {
	case rekey.AdoptedEvent:
		r.outcome = rekey.OutcomeAdopted
	case rekey.RenewedEvent:
		r.outcome = rekey.OutcomeRenewed
	case rekey.LoginRestoredEvent:
		r.outcome = rekey.OutcomeRestored
	}
}

// outcomeOf is what came of a round that ended with err.
func (r *round) outcomeOf(err error) rekey.Outcome {
	switch {
	case r.outcome != "":
		return r.outcome
	case err != nil:
		return rekey.OutcomeFailed
	default:
		return rekey.OutcomeUnchanged
	}
}

// triggerOf says what began a round: the input that found none under way.
func triggerOf(in input, first bool) rekey.Trigger {
	switch in := in.(type) {
	case tick:
		return rekey.TriggerDue
	case distrust:
		return rekey.TriggerRefused
	case ask:
		switch {
		case in.fresh:
			return rekey.TriggerAsked
		case in.force:
			return rekey.TriggerChanged
		case first:
			return rekey.TriggerStart
		}
	}
	return rekey.TriggerAsked // while the one before was under way
}

// followRound takes note of a round that in has begun.
func (e *Engine) followRound(in input) {
	if e.round.began.IsZero() && e.machine.op != opNone {
		e.round = round{began: time.Now(), trigger: triggerOf(in, e.machine.rounds == 0), failed: e.machine.failures}
	}
}

// tellRound tells of the end of a round.
func (e *Engine) tellRound() {
	event := rekey.RefreshEndedEvent{
		Trigger: e.round.trigger, Outcome: e.round.outcomeOf(e.machine.roundErr), Err: e.machine.roundErr,
		Duration: time.Since(e.round.began),
	}
	if g := e.machine.current; g != nil {
		event.Generation, event.Version = g.ID, g.Credential.Version
	}
	if e.machine.failures == 0 {
		event.Recovered = e.round.failed
	}
	e.round = round{}
	e.emit(event)
}

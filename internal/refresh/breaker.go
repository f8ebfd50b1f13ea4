package refresh

import (
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/rekeyhq/rekey/source"
)

// circuit is the breaker that one call of the source goes through.
type circuit = gobreaker.CircuitBreaker[source.Credential]

// breaker keeps a failing source from being asked at every due time. It belongs to the engine's goroutine,
// which makes a new one whenever the slack of the credential in use changes.
type breaker struct {
	failures uint32
	longest  time.Duration
	circuit  *circuit
}

func newBreaker(failures uint32, longest time.Duration) *breaker {
	b := &breaker{failures: failures, longest: longest}
	b.fit(0)
	return b
}

// fit closes the breaker and makes it stay open, next time, for no longer than a quarter of the slack: time
// for three more attempts before connections must go. A slack of zero means that nothing ends.
func (b *breaker) fit(slack time.Duration) {
	open := b.longest
	if slack > 0 {
		open = min(open, slack/4)
	}
	b.circuit = gobreaker.NewCircuitBreaker[source.Credential](gobreaker.Settings{
		Name:        "source",
		MaxRequests: 1,
		Timeout:     max(open, time.Millisecond),
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= b.failures },
	})
}

func (b *breaker) state() string { return b.circuit.State().String() }

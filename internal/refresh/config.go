package refresh

import (
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// Config is what an Engine works with. Every field but PreferRenew, Random and OnEvent is required; the pools fill in the
// defaults.
type Config struct {
	Source source.Source
	Target Target
	Policy leasetimer.Policy

	// PreferRenew extends a lease that is due, and fetches once that cannot be done, or Credential.RefreshAfter has come.
	PreferRenew bool

	// FetchTimeout bounds each call of the source, and VerifyTimeout each verification.
	FetchTimeout  time.Duration
	VerifyTimeout time.Duration
	// MaxHold bounds how long a caller without a deadline waits for a login.
	MaxHold time.Duration

	// BreakerFailures opens the circuit breaker around the source; BreakerOpen is the longest it stays so.
	BreakerFailures uint32
	BreakerOpen     time.Duration

	// Random gives numbers in [0, 1), from the engine's goroutine. nil: math/rand's.
	Random func() float64

	// OnEvent takes the events, one at a time, on the engine's goroutine.
	OnEvent func(rekey.Event)
}

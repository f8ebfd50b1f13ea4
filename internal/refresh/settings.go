package refresh

import (
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

// Defaults of Settings.
const (
	DefaultFetchTimeout    = 30 * time.Second
	DefaultVerifyTimeout   = 30 * time.Second
	DefaultMaxHold         = 30 * time.Second
	DefaultBreakerFailures = 5
	DefaultBreakerOpen     = 30 * time.Second
	DefaultHeadroom        = 1
)

// Settings are what the options of every pool have in common. Their fields mean what the pools' options of the same
// name say.
type Settings struct {
	ExpiryWindow    time.Duration
	Margin          time.Duration
	PollInterval    time.Duration
	Jitter          float64
	PreferRenew     bool
	FetchTimeout    time.Duration
	VerifyTimeout   time.Duration
	MaxHold         time.Duration
	BreakerFailures int
	BreakerOpen     time.Duration
	Headroom        int
	DrainTimeout    time.Duration
}

// WithDefaults returns a copy without zero values where those mean a default.
func (s Settings) WithDefaults() Settings {
	setDefault(&s.FetchTimeout, DefaultFetchTimeout)
	setDefault(&s.VerifyTimeout, DefaultVerifyTimeout)
	setDefault(&s.MaxHold, DefaultMaxHold)
	setDefault(&s.BreakerFailures, DefaultBreakerFailures)
	setDefault(&s.BreakerOpen, DefaultBreakerOpen)
	setDefault(&s.Headroom, DefaultHeadroom)
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports the first field that cannot be right; fail makes the error of the field's name and what is wrong
// with it.
func (s Settings) Validate(fail func(field, complaint string) error) error {
	durations := []struct {
		field string
		value time.Duration
	}{
		{"ExpiryWindow", s.ExpiryWindow},
		{"Margin", s.Margin},
		{"PollInterval", s.PollInterval},
		{"FetchTimeout", s.FetchTimeout},
		{"VerifyTimeout", s.VerifyTimeout},
		{"MaxHold", s.MaxHold},
		{"BreakerOpen", s.BreakerOpen},
		{"DrainTimeout", s.DrainTimeout},
	}
	for _, d := range durations {
		if d.value < 0 {
			return fail(d.field, fmt.Sprintf("must not be negative, is %v", d.value))
		}
	}
	switch {
	case s.ExpiryWindow > 0 && s.Margin >= s.ExpiryWindow:
		return fail("Margin", fmt.Sprintf("must be less than ExpiryWindow (%v), is %v", s.ExpiryWindow, s.Margin))
	case s.Jitter != -1 && !(s.Jitter >= 0 && s.Jitter <= 1): // also NaN
		return fail("Jitter", fmt.Sprintf("must lie between 0 and 1, or be -1, is %v", s.Jitter))
	case s.BreakerFailures < 0:
		return fail("BreakerFailures", fmt.Sprintf("must not be negative, is %d", s.BreakerFailures))
	case s.Headroom < -1:
		return fail("Headroom", fmt.Sprintf("must not be less than -1, is %d", s.Headroom))
	}
	return nil
}

// Config returns what an Engine takes from the settings.
func (s Settings) Config() Config {
	return Config{
		Policy: leasetimer.Policy{
			ExpiryWindow: s.ExpiryWindow, Margin: s.Margin, PollInterval: s.PollInterval, Jitter: s.Jitter,
		},
		PreferRenew:  s.PreferRenew,
		FetchTimeout: s.FetchTimeout, VerifyTimeout: s.VerifyTimeout, MaxHold: s.MaxHold,
		BreakerFailures: uint32(s.BreakerFailures), BreakerOpen: s.BreakerOpen,
	}
}

package statuspage

import "github.com/rekeyhq/rekey"

// Pool is what the page needs of a pool; every pool of rekey has it.
type Pool interface {
	// Status is called for each browser that follows, Options.Interval apart, and must not wait for anything.
	Status() rekey.Status
}

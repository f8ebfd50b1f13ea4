package sourcetest

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// Harness describes a kind of source to [Run].
type Harness struct {
	// Make sets up an origin that holds a working secret, and a source over it. It is called once a subtest.
	// The suite closes the source, if it can be closed; what else was started, Make ends with t.Cleanup, which
	// runs afterwards. Required.
	Make func(t *testing.T) *Origin

	// Dynamic says that every Fetch creates a login of its own, so that two of them may differ although
	// nothing was rotated. Rotate may then be nil.
	Dynamic bool

	// ServesStale says that the source is documented to answer from what it has while the origin is broken.
	ServesStale bool

	// ServesClosed says that the source is documented to answer after it was closed.
	ServesClosed bool

	// Settle is how long a change at the origin may take to be seen. Defaults to 10 seconds.
	Settle time.Duration
}

// Origin is one secret at its store, a source over it, and the means to disturb both. Its passwords should be
// long and unlike any other text, because texts are searched for them. The funcs return once
// the store has what they did, and end the test with t.Fatal where they fail. They are called one at a time.
type Origin struct {
	// Source is what is tested. Required.
	Source source.Source

	// Rotate gives the secret a new password. Required, unless the Harness is Dynamic.
	Rotate func(t *testing.T)

	// Break makes the origin fail or answer nonsense, Repair undoes it. nil leaves out what needs them.
	Break, Repair func(t *testing.T)

	// Stall makes the origin accept questions and not answer them until resume is called. nil leaves out what
	// needs it.
	Stall func(t *testing.T) (resume func())

	// Secrets returns values, besides the passwords that were fetched, that must not appear in any text: a
	// token, a file's whole content. nil means none.
	Secrets func() []string
}

func (h Harness) settle() time.Duration {
	if h.Settle > 0 {
		return h.Settle
	}
	return 10 * time.Second
}

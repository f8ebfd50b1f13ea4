package refresh

import (
	"time"

	"github.com/rekeyhq/rekey/source"
)

// Generation is an immutable snapshot of a credential that was verified and adopted. A renewed lease makes a
// new snapshot with the same ID.
type Generation struct {
	// ID counts the adopted credentials, from 1.
	ID uint64
	// Credential is the login. Its IssuedAt and Version are never empty.
	Credential source.Credential
	// FirstIssuedAt is the IssuedAt that it was adopted with: a lease that is extended counts from its extension.
	FirstIssuedAt time.Time
	// NotAfter is when the last connection must be closed; zero: the credential does not end.
	NotAfter time.Time
	// AdoptedAt is when it became the login in use.
	AdoptedAt time.Time
	// Alternate says that it came from the source's alternates.
	Alternate bool
}

package rekey

import "time"

// State is a pool's condition in one word.
type State string

const (
	// StateStarting: no credential has been verified yet.
	StateStarting State = "starting"
	// StateServing: the credential in use is good and the last refresh went well.
	StateServing State = "serving"
	// StateDegraded: the credential in use is good. The last fetch, or the verification of what it gave, failed: also where the
	// lease was renewed instead, so that the refresh ended well.
	StateDegraded State = "degraded"
	// StateRefused: the server refuses new logins with the credential in use. Open connections may work.
	StateRefused State = "refused"
	// StateExpired: the credential in use has ended and nothing newer was had.
	StateExpired State = "expired"
	// StateClosed: the pool was closed.
	StateClosed State = "closed"
)

// Status is a snapshot of a pool's credential. It holds no secret and marshals to JSON.
type Status struct {
	State State `json:"state"`

	// Generation counts the credentials adopted, from 1; zero means none yet.
	Generation uint64 `json:"generation"`
	Version    string `json:"version"`
	Username   string `json:"username"`
	// IssuedAt is when its lease began, or was extended; FirstIssuedAt stays what it was when the credential was adopted.
	IssuedAt      time.Time `json:"issued_at,omitzero"`
	FirstIssuedAt time.Time `json:"first_issued_at,omitzero"`
	AdoptedAt     time.Time `json:"adopted_at,omitzero"`
	// ExpiresAt is when the credential ends, and NotAfter when its last connection is closed. Zero means
	// that it does not end by itself.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	// NextRefresh is when the pool next asks the source, unless something makes it ask earlier.
	NextRefresh time.Time `json:"next_refresh,omitzero"`
	// RefreshDue is when the credential in use should be replaced, or extended, at the latest: failed attempts do not move
	// it, as they do NextRefresh. From then on the time until NotAfter runs out.
	RefreshDue time.Time `json:"refresh_due,omitzero"`
	// Alternate says that the credential came from the source's alternates.
	Alternate bool `json:"alternate,omitempty"`

	// Connections counts the connections made, or being made, with it.
	Connections int `json:"connections"`
	// Usable counts the open connections that callers can be given: of all generations, without those that were hijacked,
	// that are about to go, or whose role has lost everything.
	Usable int `json:"usable"`

	// Failures counts refreshes in a row whose fetch, or the verification of what it gave, failed, also those that renewed the
	// lease instead; LastError is the reason of the last one.
	Failures  int    `json:"failures,omitempty"`
	LastError string `json:"last_error,omitempty"`
	// Breaker is the state of the circuit breaker around the source: "closed", "half-open" or "open".
	Breaker string `json:"breaker"`

	// Draining lists superseded generations whose connections are not all gone yet, oldest first.
	Draining []GenerationStatus `json:"draining,omitempty"`
}

// GenerationStatus tells of one superseded generation.
type GenerationStatus struct {
	Generation  uint64    `json:"generation"`
	Version     string    `json:"version"`
	NotAfter    time.Time `json:"not_after,omitzero"`
	Connections int       `json:"connections"`
}

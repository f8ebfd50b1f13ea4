package rekey

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// ErrClosed is returned by a pool that was closed or shut down. Trying again does not help.
var ErrClosed = errors.New("rekey: pool is closed")

// ErrCutOff is what whoever uses a connection finds when the pool closes it under him: its credential has ended, DrainTimeout
// is over, or the pool was shut down. A statement that was under way may have been carried out. It wraps net.ErrClosed. Some
// drivers show it for the first statement only, or say driver.ErrBadConn instead.
var ErrCutOff = fmt.Errorf("rekey: connection closed under its user, at the end of its credential, of DrainTimeout or of the pool: %w", net.ErrClosed)

// ErrCredentialExpired is returned when the credential in use has reached its end and no newer one could be
// had. The error that wraps it says what the last refresh failed of. Trying again helps once the source is
// back: the pool goes on refreshing by itself.
var ErrCredentialExpired = errors.New("rekey: database credential has expired")

// ErrLoginRefused is returned when the server refuses the login in use and nothing better came from the
// source within the caller's time. The error that wraps it carries the server's answer. Trying again helps
// once the source and the database agree.
var ErrLoginRefused = errors.New("rekey: database refuses the login")

// FetchError says that a source did not give, or renew, a credential. The pool keeps what it has and tries
// again by itself.
type FetchError struct {
	// Op is what was asked of the source: "fetch", "renew", "alternates" or "retire".
	Op string
	// Permanent says that only a change of configuration can help; see source.Permanent.
	Permanent bool
	// Unasked says that the circuit breaker was open: the source was not asked.
	Unasked bool
	// Err is the source's error.
	Err error
}

func (e *FetchError) Error() string { return fmt.Sprintf("rekey: %s credential: %v", e.Op, e.Err) }

// Unwrap returns the source's error.
func (e *FetchError) Unwrap() error { return e.Err }

// Class says in one word what went wrong.
func (e *FetchError) Class() FetchClass {
	switch {
	case e.Unasked:
		return FetchUnasked
	case e.Permanent:
		return FetchPermanent
	case errors.Is(e.Err, context.DeadlineExceeded):
		return FetchTimeout
	default:
		return FetchUnavailable
	}
}

// FetchClass says what a failed call of the source means.
type FetchClass int

const (
	// FetchUnavailable is a source that failed for a reason that may pass.
	FetchUnavailable FetchClass = iota
	// FetchTimeout is a source that did not answer in time.
	FetchTimeout
	// FetchPermanent is a source that only a change of configuration can help.
	FetchPermanent
	// FetchUnasked is a source that is left alone, because it has failed before.
	FetchUnasked
)

// String returns a word for logs.
func (c FetchClass) String() string {
	return [...]string{"unavailable", "timeout", "permanent", "breaker_open"}[c]
}

// VerifyClass says what a failed verification means for the credential.
type VerifyClass int

const (
	// VerifyUnknown is a check that could not be made: the network, a full server, a timeout. It says
	// nothing of the credential and is tried again.
	VerifyUnknown VerifyClass = iota
	// VerifyRefused is a login that the server refused for its password (SQLSTATE 28P01).
	VerifyRefused
	// VerifyForbidden is a login that the server refused for another reason: the role may not log in, may
	// not connect to the database, or the database does not exist (28000, 42501, 3D000).
	VerifyForbidden
	// VerifyLacking is a login that works and cannot do the application's work.
	VerifyLacking
)

// String returns a word for logs.
func (c VerifyClass) String() string {
	switch c {
	case VerifyRefused:
		return "refused"
	case VerifyForbidden:
		return "forbidden"
	case VerifyLacking:
		return "lacking"
	default:
		return "unknown"
	}
}

// VerifyError says that a credential was not adopted. The login in use stays as it was; the pool tries again
// by itself.
type VerifyError struct {
	// Version is the credential's.
	Version string
	// Class says what the failure means.
	Class VerifyClass
	// SQLState is the server's error code, empty where the server did not answer.
	SQLState string
	// Err is the cause. It holds no connection configuration.
	Err error
}

func (e *VerifyError) Error() string {
	return fmt.Sprintf("rekey: credential %q not adopted (%s): %v", e.Version, e.Class, e.Err)
}

// Unwrap returns the cause.
func (e *VerifyError) Unwrap() error { return e.Err }

package source

import "errors"

// Permanent marks err as one that trying again cannot cure: a missing secret, a denied policy, a wrong role
// name. A pool that is being made gives up at once; a running pool keeps the credential that it has and
// tries again at its longest backoff, because somebody may repair the cause. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err: err}
}

// IsPermanent reports whether err, or an error that it wraps, was marked by [Permanent].
func IsPermanent(err error) bool {
	var p *permanentError
	return errors.As(err, &p)
}

// permanentError adds nothing to the text of the error it marks.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

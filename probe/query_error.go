package probe

import "fmt"

// QueryError says that a query of the probe itself failed, not one of the caller's. Mostly the check could not be
// made, and trying again on a new connection helps; where the server answered that the login may not ask (a
// hardened catalogue, a role that has just been dropped), [Lacks] is true.
type QueryError struct {
	Probe    string // "ping", "parity", "privileges" or "statements"
	SQLState string // empty if the server did not answer
	err      error
}

// Error names the probe and the cause.
func (e *QueryError) Error() string { return fmt.Sprintf("probe: %s: %v", e.Probe, e.err) }

// Unwrap returns the driver's error.
func (e *QueryError) Unwrap() error { return e.err }

func queryError(probe string, err error) error {
	return &QueryError{Probe: probe, SQLState: sqlState(err), err: err}
}

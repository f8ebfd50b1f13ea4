package source

import "context"

// flight is one call of the inner Fetch that several callers wait for.
type flight struct {
	number  int
	forced  bool
	changed <-chan struct{} // closed: the answer may be older than a change
	cancel  context.CancelFunc

	// Guarded by shared.mu.
	waiting map[any]int // by holder, how many wait
	callers int

	done chan struct{} // closed once cred and err are set, or nobody waits
	cred Credential
	err  error
}

// isClosed reports whether c is closed; a nil channel is not.
func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

package source

import "time"

// kept is a credential that may be given again. All but had is immutable.
type kept struct {
	flight  int // the number of the flight that brought it
	cred    Credential
	since   time.Time        // its life counts from here
	changed <-chan struct{}  // closed: there may be something newer
	had     map[any]struct{} // who was given it; nil stands for all callers without a holder
}

// fresh reports whether k may be given again.
func (k *kept) fresh(now time.Time) bool {
	due := k.cred.RefreshAfter
	if end := k.cred.ExpiresAt; due.IsZero() && !end.IsZero() {
		due = k.since.Add(end.Sub(k.since) / 3 * 2)
	}
	if due.IsZero() || isClosed(k.changed) {
		return false
	}
	// Wall clocks: the monotonic one stands still while a machine sleeps, a lease does not.
	until := k.since.Add(due.Sub(k.since) / 4 * 3)
	return now.Round(0).Before(until.Round(0))
}

// newTo reports whether holder has not had k yet. Of a caller that is not known this cannot be said.
func (k *kept) newTo(holder any) bool {
	if holder == nil {
		return false
	}
	_, had := k.had[holder]
	return !had
}

package health

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// Level is a pool's health in one word.
type Level string

const (
	// OK: nothing needs to be done.
	OK Level = "ok"
	// Degraded: callers notice nothing yet, and will if nobody sees to it.
	Degraded Level = "degraded"
	// Down: the pool gives no connection.
	Down Level = "down"
)

// worse returns the worse of two.
func (l Level) worse(o Level) Level {
	if l == Down || o == Down {
		return Down
	}
	if l == Degraded || o == Degraded {
		return Degraded
	}
	return OK
}

// Report is the health of one pool. It marshals to JSON and holds nothing that tells a credential from others.
type Report struct {
	Status     Level       `json:"status"`
	State      rekey.State `json:"state"`
	Generation uint64      `json:"generation"`

	// Seconds, of the credential in use: since it was first issued, until it expires, and until its last connection is closed.
	// nil where there is none, or it does not expire.
	Age       *float64 `json:"credential_age_seconds,omitempty"`
	ExpiresIn *float64 `json:"expires_in_seconds,omitempty"`
	ServesFor *float64 `json:"serves_for_seconds,omitempty"`

	// LastRefreshFailed says so, and Failures how many have failed in a row.
	LastRefreshFailed bool   `json:"last_refresh_failed"`
	Failures          int    `json:"failures"`
	Breaker           string `json:"breaker"`
}

// ReportOf judges a status at a moment.
func ReportOf(s rekey.Status, now time.Time, opts Options) Report {
	r := Report{
		Status: levelOf(s, now, opts), State: s.State, Generation: s.Generation,
		LastRefreshFailed: s.Failures > 0, Failures: s.Failures, Breaker: s.Breaker,
	}
	if s.Generation == 0 {
		return r
	}
	if s.State == rekey.StateClosed {
		return r // its credentials were given back
	}
	r.Age = seconds(now.Sub(s.FirstIssuedAt))
	if !s.ExpiresAt.IsZero() {
		r.ExpiresIn = seconds(s.ExpiresAt.Sub(now))
	}
	if !s.NotAfter.IsZero() {
		r.ServesFor = seconds(s.NotAfter.Sub(now))
	}
	return r
}

func seconds(d time.Duration) *float64 {
	s := d.Seconds()
	return &s
}

func levelOf(s rekey.Status, now time.Time, opts Options) Level {
	switch s.State {
	case rekey.StateServing, rekey.StateDegraded:
		if s.State == rekey.StateDegraded || s.Breaker == rekey.BreakerOpen || endsSoon(s, now, opts) {
			return Degraded
		}
		return OK
	case rekey.StateRefused:
		if s.Usable > 0 {
			return Degraded
		}
	}
	return Down
}

// endsSoon reports whether the credential should have been replaced by now: it is overdue for longer than it will still
// serve, which is half of the time that the pool survives without its store.
func endsSoon(s rekey.Status, now time.Time, opts Options) bool {
	switch {
	case s.ExpiresAt.IsZero() || opts.ExpiresWithin < 0:
		return false
	case opts.ExpiresWithin > 0:
		return s.ExpiresAt.Sub(now) < opts.ExpiresWithin
	default:
		return !s.RefreshDue.IsZero() && now.Sub(s.RefreshDue) > s.NotAfter.Sub(now)
	}
}

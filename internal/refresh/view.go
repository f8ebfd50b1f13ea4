package refresh

import (
	"errors"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey"
)

// View is an immutable snapshot of the engine. Changed is closed when a newer one is published.
type View struct {
	// Current is the login in use; nil before the first.
	Current *Generation
	// Expired says that it has ended.
	Expired bool
	// NextRefresh is when the source is asked next; zero while it is being asked.
	NextRefresh time.Time
	// RefreshDue is when it should have been asked at the latest; zero before the first login.
	RefreshDue time.Time
	// Failures counts refreshes that failed in a row, and LastErr is why.
	Failures int
	LastErr  error
	// Refused is the server's answer to the login in use, nil while the server takes it.
	Refused *rekey.VerifyError
	// Closed says that the engine has stopped.
	Closed bool
	// Breaker is the state of the circuit breaker.
	Breaker string
	// Changed is closed when this snapshot is no longer the newest.
	Changed <-chan struct{}

	hold     bool      // a caller who needs a login had better wait
	endedAt  time.Time // since when it is Expired
	startErr error     // there will be no first login without a change of configuration
	rounds   uint64    // refreshes that came to an end, the last of them with roundErr
	roundErr error
	changed  chan struct{}
}

// State says the engine's condition in one word.
func (v *View) State() rekey.State {
	switch {
	case v.Closed:
		return rekey.StateClosed
	case v.Current == nil:
		return rekey.StateStarting
	case v.Expired:
		return rekey.StateExpired
	case v.Refused != nil:
		return rekey.StateRefused
	case v.Failures > 0:
		return rekey.StateDegraded
	default:
		return rekey.StateServing
	}
}

// login returns the generation to connect with, or why there is none.
func (v *View) login() (*Generation, error) {
	switch {
	case v.Closed:
		return nil, rekey.ErrClosed
	case v.Current == nil:
		return nil, v.notReady()
	case v.Expired:
		return nil, v.expiredErr()
	case v.Refused != nil:
		return nil, fmt.Errorf("%w: %w", rekey.ErrLoginRefused, v.Refused.Err)
	default:
		return v.Current, nil
	}
}

// refused reports whether the server refused a candidate's password.
func refused(err error) bool {
	var verifyErr *rekey.VerifyError
	return errors.As(err, &verifyErr) && verifyErr.Class == rekey.VerifyRefused
}

func (v *View) notReady() error {
	switch {
	case v.startErr != nil:
		return v.startErr
	case v.LastErr != nil && refused(v.LastErr):
		return fmt.Errorf("rekey: no credential yet: %w: %w", rekey.ErrLoginRefused, v.LastErr)
	case v.LastErr != nil:
		return fmt.Errorf("rekey: no credential yet: %w", v.LastErr)
	default:
		return errors.New("rekey: no credential yet")
	}
}

func (v *View) expiredErr() error {
	if v.LastErr == nil {
		return rekey.ErrCredentialExpired
	}
	return fmt.Errorf("%w: %w", rekey.ErrCredentialExpired, v.LastErr)
}

// viewOf makes the snapshot that the machine's state deserves.
func viewOf(m *machine, closed bool, breaker string) *View {
	v := &View{
		Current: m.current, Expired: m.expired, NextRefresh: m.due, RefreshDue: m.refreshDue(),
		Failures: m.failures, LastErr: m.lastErr, Closed: closed, Breaker: breaker,
		hold: m.holds(), endedAt: m.endedAt, startErr: m.startErr, rounds: m.rounds, roundErr: m.roundErr,
		changed: make(chan struct{}),
	}
	v.Changed = v.changed
	if m.trouble != nil {
		v.Refused = m.trouble.err
	}
	return v
}

// holds reports whether waiting may give a caller the login that there is not now.
func (m *machine) holds() bool {
	switch {
	case m.current == nil:
		return m.startErr == nil
	case m.expired:
		return true // for a while
	case m.trouble != nil:
		return m.trouble.hold
	default:
		return false
	}
}

// holds reports whether a caller had better wait. When a login has ended that is so for as long as he would wait at the
// most: the store may be back at any moment. In an outage that goes on, callers are told at once.
func (v *View) holds(maxHold time.Duration) bool {
	return v.hold && (!v.Expired || time.Since(v.endedAt) < maxHold)
}

// Usable reports whether a connection can be made with the login in use.
func (v *View) Usable() bool {
	return v.Current != nil && v.Refused == nil && !v.Expired && !v.Closed
}

// Trouble says why no connection can be made with the login in use; nil if one can.
func (v *View) Trouble() error {
	_, err := v.login()
	return err
}

// Status is what there is to say of the engine.
func (v *View) Status() rekey.Status {
	s := rekey.Status{
		State: v.State(), NextRefresh: v.NextRefresh, RefreshDue: v.RefreshDue, Failures: v.Failures, Breaker: v.Breaker,
	}
	if v.LastErr != nil {
		s.LastError = v.LastErr.Error()
	}
	if v.Closed {
		s.NextRefresh, s.RefreshDue = time.Time{}, time.Time{}
	}
	if g := v.Current; g != nil {
		s.Generation, s.Version, s.Username = g.ID, g.Credential.Version, g.Credential.Username
		s.IssuedAt, s.FirstIssuedAt, s.ExpiresAt = g.Credential.IssuedAt, g.FirstIssuedAt, g.Credential.ExpiresAt
		s.AdoptedAt, s.NotAfter, s.Alternate = g.AdoptedAt, g.NotAfter, g.Alternate
	}
	return s
}

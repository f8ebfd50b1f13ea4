package refresh

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// TestRefreshDue: failures do not move the time at which the login in use should have been replaced, and neither does an
// early first refresh.
func TestRefreshDue(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		first source.Credential
		at    []time.Duration // of attempts
		last  fetched
		want  time.Duration // since epoch
	}{
		{"at first: the end less the window", leased("v1", 0), nil, fetched{}, 40 * sec},
		{"the store is out", leased("v1", 0), []time.Duration{20 * sec, 41 * sec, 45 * sec}, failed(), 40 * sec},
		{"the store has nothing newer", leased("v1", 0), []time.Duration{41 * sec, 45 * sec}, got(leased("v1", 0)), 40 * sec},
		{"extended", leased("v1", 0), []time.Duration{41 * sec}, got(until(leased("v1", 0), 100*sec)), 80333333334},
		{"without an end: the poll that failed", static("v1"), []time.Duration{30 * sec, 31 * sec}, failed(), 30 * sec},
		{"without an end: the next poll", static("v1"), []time.Duration{30 * sec}, got(static("v1")), 90 * sec},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := serving(t, tc.first, 0)
			for _, at := range tc.at {
				m.step(ask{}, epoch.Add(at), scripted)
				m.step(tc.last, epoch.Add(at), scripted)
			}
			if got := viewOf(m, false, "closed").Status().RefreshDue.Sub(epoch); got != tc.want {
				t.Errorf("due at %v, want %v", got, tc.want)
			}
		})
	}
}

// TestFirstIssuedAt: an extended lease is as old as its credential.
func TestFirstIssuedAt(t *testing.T) {
	t.Parallel()
	m := serving(t, leased("v1", 0), 0)
	m.step(ask{}, epoch.Add(30*sec), scripted)
	m.step(got(until(leased("v1", 0), 90*sec)), epoch.Add(30*sec), scripted)
	s := viewOf(m, false, "closed").Status()
	if !s.FirstIssuedAt.Equal(epoch) || !s.IssuedAt.Equal(epoch.Add(30*sec)) {
		t.Errorf("issued at %v, first at %v", s.IssuedAt, s.FirstIssuedAt)
	}
	m.step(ask{}, epoch.Add(40*sec), scripted)
	m.step(got(leased("v2", 40*sec)), epoch.Add(40*sec), scripted)
	m.step(works(), epoch.Add(40*sec), scripted)
	if first := viewOf(m, false, "closed").Status().FirstIssuedAt; !first.Equal(epoch.Add(40 * sec)) {
		t.Errorf("the next one was first issued at %v", first)
	}
}

// TestRefusalInUseIsTold: so is each further login with which the server refuses what is in use.
func TestRefusalInUseIsTold(t *testing.T) {
	t.Parallel()
	m := serving(t, static("v1"), 0)
	m.step(refusedLogin(1, rekey.VerifyRefused), epoch.Add(sec), scripted)
	m.step(gotFresh(static("v1")), epoch.Add(sec), scripted)
	m.step(tick{}, epoch.Add(10*sec), scripted)
	commands := m.step(gotFresh(static("v1")), epoch.Add(10*sec), scripted)
	if got := render(commands); got != "verify v1" {
		t.Fatalf("commands %q, want a verification of what is in use", got)
	}
	for _, e := range eventsOf(m.step(fails(rekey.VerifyRefused), epoch.Add(11*sec), scripted)) {
		if e, ok := e.(rekey.RefusedEvent); ok {
			if e.Err.Class != rekey.VerifyRefused || !e.RetryAt.After(epoch.Add(11*sec)) {
				t.Errorf("told %+v", e)
			}
			return
		}
	}
	t.Error("nothing is told")
}

package scenario

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// When the first login ends, in each of the two.
const (
	outageEnd  = 2000 * time.Millisecond
	outageOver = 1500 * time.Millisecond
	expiredEnd = 1200 * time.Millisecond
)

var outage = Scenario{
	ID: "outage", Short: "store down", Title: "The store is down when a new login is due",
	Text: "The login ends after 2 s. The store is down from 0.4 s on and back at 1.5 s, with the next login. The old role is dropped when its time has come. " +
		"There is a login that works at every moment.",
	Length: 2200 * time.Millisecond, Overlap: outageEnd - outageOver, End: outageEnd,
	Load: quiet, Script: func(ctx context.Context, s *Stage) error {
		return storeDown(ctx, s, Lead, outageOver, outageEnd)
	},
}

var expired = Scenario{
	ID: "expired", Short: "store down at the end", Title: "The store is down at the login's end, and after",
	Text:   "The login ends after 1.2 s; the store is down from 0.4 s to 1.6 s. For 0.4 s there is no login that works and that anybody could know of. Who replaces connections by age reckons with a second, as when nothing is down.",
	Length: 1900 * time.Millisecond, Overlap: Overlap, End: expiredEnd,
	Load: quiet, Script: func(ctx context.Context, s *Stage) error {
		return storeDown(ctx, s, Lead, 1600*time.Millisecond, expiredEnd)
	},
}

// storeDown rotates to a new role while the store is down.
func storeDown(ctx context.Context, s *Stage, down, up, end time.Duration) error {
	old := s.login
	next, err := s.Roles.Issue(ctx, server.RoleOptions{})
	if err != nil {
		return err
	}
	steps := []step{
		{down, "store down", func() error { s.Store.SetDown(true); s.publish(next); return nil }},
		{up, "store up", func() error { s.Store.SetDown(false); return nil }},
		{end, "old dropped", func() error { return s.Roles.Revoke(ctx, old) }},
	}
	if end < up {
		steps[1], steps[2] = steps[2], steps[1]
	}
	return s.play(ctx, steps)
}

// step is what happens at a moment.
type step struct {
	at    time.Duration
	label string
	do    func() error
}

func (s *Stage) play(ctx context.Context, steps []step) error {
	for _, step := range steps {
		if !s.until(ctx, step.at) {
			return nil
		}
		s.mark(step.label)
		if err := step.do(); err != nil {
			return err
		}
	}
	return nil
}

package scenario

import (
	"context"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// largeOverlap is what a large pool has for its hand-over here.
const largeOverlap = 3 * time.Second

var large = Scenario{
	ID: "large", Short: "new role, 80", Title: "A new role for a pool of 80",
	Text: "One new role, for a pool of 80 connections, all of them open and most of them idle; three seconds later the old role loses its rights and is dropped. " +
		"There are eight times as many logins to make as elsewhere, on the same processors.",
	Conns: 80, Length: Lead + largeOverlap + 300*time.Millisecond, Overlap: largeOverlap, End: Lead + largeOverlap,
	Load: quiet, Script: rotateOnce,
}

// rotateOnce rotates to a new role, and ends the old one when its time has come.
func rotateOnce(ctx context.Context, s *Stage) error {
	old := s.login
	return s.play(ctx, []step{
		{Lead, "new role", func() error {
			next, err := s.Roles.Issue(ctx, server.RoleOptions{})
			if err == nil {
				s.lease(next, time.Hour)
			}
			return err
		}},
		{Lead + largeOverlap, "old dropped", func() error { return s.Roles.Revoke(ctx, old) }},
	})
}

package vault

import (
	"time"

	"github.com/rekeyhq/rekey/source"
)

// lease is what is known of a lease besides the credential.
type lease struct {
	token *token
	life  time.Duration // that it was given first
	end   time.Time
}

// renewed is c after its lease was extended by what was granted, when want was asked for.
func (l lease) renewed(c source.Credential, asked time.Time, granted, want time.Duration) source.Credential {
	asked = asked.Round(0)
	end := asked.Add(granted)
	if granted < want {
		end = end.Add(-time.Second) // cut off at max_ttl, and told in whole seconds, rounded up
	}
	c.ExpiresAt = l.token.capped(end)
	c.RefreshAfter = time.Time{}
	if granted < want || c.ExpiresAt.Sub(asked) < want*3/4 && l.token.own && !l.token.mayRenew() {
		c.RefreshAfter = asked
	}
	return c
}

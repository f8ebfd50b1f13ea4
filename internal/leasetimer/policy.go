// Package leasetimer says when a credential's next refresh is due and when its connections must be gone. It
// is arithmetic on wall-clock times; what waits for them is [Timer].
package leasetimer

import (
	"time"

	"github.com/rekeyhq/rekey/source"
)

// Defaults of Policy, and the floors that keep it from refreshing in a tight loop.
const (
	// MaxMargin is the longest default margin: the article behind this project closes connections two
	// minutes before expiry.
	MaxMargin = 2 * time.Minute

	// DefaultPollInterval is used for credentials that have neither an end nor a time to look again.
	DefaultPollInterval = time.Minute

	// DefaultJitter is the part of an interval by which a refresh may come early: the tenth that Vault's
	// own tools use.
	DefaultJitter = 0.1

	maxGap = time.Second           // the longest least time between two refreshes
	minGap = 10 * time.Millisecond // and the shortest, for leases of a second or less
)

// Policy holds the settings that due times follow. The zero Policy is the documented defaults.
type Policy struct {
	// ExpiryWindow is how long before its expiry a credential is due for refresh. Zero means a third of
	// its life.
	ExpiryWindow time.Duration

	// Margin is how long before its expiry the last connection of a credential must be closed. Zero means
	// a tenth of its life, at most MaxMargin.
	Margin time.Duration

	// PollInterval is the time between fetches of a credential without an end. Zero means
	// DefaultPollInterval.
	PollInterval time.Duration

	// Jitter is the part of an interval, from 0 to 1, by which a refresh may come early. Zero means
	// DefaultJitter; a negative value means none.
	Jitter float64
}

// Life returns how long c lives from its issue, and zero for one that does not end.
func Life(c source.Credential) time.Duration {
	if c.ExpiresAt.IsZero() {
		return 0
	}
	return max(0, wall(c.ExpiresAt).Sub(wall(c.IssuedAt)))
}

// Window returns how long before its expiry c is due. It is at most nine tenths of c's life, whatever the
// policy says, so that a lease shorter than a fixed window is not fetched over and over.
func (p Policy) Window(c source.Credential) time.Duration {
	life := Life(c)
	window := p.ExpiryWindow
	if window == 0 {
		window = life / 3
	}
	return min(window, life/10*9) // in this order: nine times a life of decades does not fit
}

// MarginOf returns how long before its expiry c's connections must be gone. It is at most half of the
// window, so that a refresh always has time before it.
func (p Policy) MarginOf(c source.Credential) time.Duration {
	margin := p.Margin
	if margin == 0 {
		margin = min(Life(c)/10, MaxMargin)
	}
	return min(margin, p.Window(c)/2)
}

// NotAfter returns when c's last connection must be closed: the zero time when c does not end.
func (p Policy) NotAfter(c source.Credential) time.Time {
	if c.ExpiresAt.IsZero() {
		return time.Time{}
	}
	return wall(c.ExpiresAt).Add(-p.MarginOf(c))
}

// Slack returns how long the source may be out of reach after a refresh of c fell due: window minus margin,
// and zero for a credential that does not end.
func (p Policy) Slack(c source.Credential) time.Duration {
	return p.Window(c) - p.MarginOf(c)
}

// Due returns when c is to be refreshed next. random is a number in [0, 1). first says that c is the first
// credential of its pool: its refresh is spread over the whole interval, so that a fleet that was started
// together does not refresh together ever after.
func (p Policy) Due(c source.Credential, now time.Time, first bool, random float64) time.Time {
	now = wall(now)
	due := p.planned(c, now, first, random)
	if gap := p.Gap(c); due.Before(now.Add(gap)) {
		return now.Add(p.retryGap(c, now, gap))
	}
	return due
}

// Latest returns when c is due if no jitter makes that earlier; the zero time for one that neither ends nor says when to
// look again.
func (p Policy) Latest(c source.Credential) time.Time {
	switch {
	case !c.RefreshAfter.IsZero():
		return p.heedExpiry(c, wall(c.RefreshAfter))
	case !c.ExpiresAt.IsZero():
		return wall(c.ExpiresAt).Add(-p.Window(c))
	default:
		return time.Time{}
	}
}

func (p Policy) planned(c source.Credential, now time.Time, first bool, random float64) time.Time {
	switch {
	case !c.RefreshAfter.IsZero():
		return p.heedExpiry(c, wall(c.RefreshAfter))
	case !c.ExpiresAt.IsZero():
		return p.spread(wall(c.IssuedAt), wall(c.ExpiresAt).Add(-p.Window(c)), now, first, random)
	default:
		return p.spread(now, now.Add(p.pollInterval()), now, first, random)
	}
}

// heedExpiry keeps a source's own plan from leaving no time before the connections must go.
func (p Policy) heedExpiry(c source.Credential, planned time.Time) time.Time {
	if c.ExpiresAt.IsZero() {
		return planned
	}
	latest := p.NotAfter(c).Add(-p.Slack(c) / 2)
	if planned.After(latest) {
		return latest
	}
	return planned
}

// spread picks a moment of the interval's jitter, or of all that is left of the interval the first time.
func (p Policy) spread(begin, end, now time.Time, first bool, random float64) time.Time {
	if first {
		return now.Add(time.Duration(random * float64(end.Sub(now))))
	}
	interval := max(0, end.Sub(begin))
	return end.Add(p.Jittered(interval, random) - interval)
}

// Jittered returns d less a random part of at most the jitter.
func (p Policy) Jittered(d time.Duration, random float64) time.Duration {
	return d - time.Duration(p.jitter()*random*float64(d))
}

// retryGap is the wait after a refresh that was due brought nothing newer: a tenth of what is left or, without
// an end, of the time that the source's own plan is overdue, up to the poll interval.
func (p Policy) retryGap(c source.Credential, now time.Time, gap time.Duration) time.Duration {
	switch {
	case !c.ExpiresAt.IsZero():
		return max(gap, p.NotAfter(c).Sub(now)/10)
	case !c.RefreshAfter.IsZero():
		return max(gap, min(p.pollInterval(), now.Sub(wall(c.RefreshAfter))/10))
	default:
		return gap
	}
}

// Gap returns the least time between two planned refreshes of c: a second, or a twentieth of a shorter life.
func (p Policy) Gap(c source.Credential) time.Duration {
	if c.ExpiresAt.IsZero() {
		return min(maxGap, p.pollInterval())
	}
	return max(minGap, min(maxGap, Life(c)/20))
}

func (p Policy) pollInterval() time.Duration {
	if p.PollInterval == 0 {
		return DefaultPollInterval
	}
	return p.PollInterval
}

func (p Policy) jitter() float64 {
	switch {
	case p.Jitter == 0:
		return DefaultJitter
	case p.Jitter < 0:
		return 0
	default:
		return p.Jitter
	}
}

// wall strips the monotonic reading, which stands still while a machine sleeps: a lease does not.
func wall(t time.Time) time.Time { return t.Round(0) }

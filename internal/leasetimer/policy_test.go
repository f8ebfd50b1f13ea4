package leasetimer_test

import (
	"math"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// issued is when every credential of these tests was issued.
var issued = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

const almostOne = 0.9999999

// lease returns a credential that lives for the given time; zero: without end.
func lease(life time.Duration) source.Credential {
	c := source.Credential{Username: "app", Version: "v1", IssuedAt: issued}
	if life > 0 {
		c.ExpiresAt = issued.Add(life)
	}
	return c
}

func TestPolicyTimes(t *testing.T) {
	fixed := leasetimer.Policy{ExpiryWindow: 5 * time.Minute, Margin: 2 * time.Minute}
	for _, test := range []struct {
		name                  string
		policy                leasetimer.Policy
		life                  time.Duration
		window, margin, slack time.Duration
		gap                   time.Duration
	}{
		{"4 s", leasetimer.Policy{}, 4 * time.Second, 4 * time.Second / 3, 400 * time.Millisecond, 4*time.Second/3 - 400*time.Millisecond, 200 * time.Millisecond},
		{"60 s", leasetimer.Policy{}, time.Minute, 20 * time.Second, 6 * time.Second, 14 * time.Second, time.Second},
		{"1 h", leasetimer.Policy{}, time.Hour, 20 * time.Minute, 2 * time.Minute, 18 * time.Minute, time.Second},
		{"30 days", leasetimer.Policy{}, 720 * time.Hour, 240 * time.Hour, 2 * time.Minute, 240*time.Hour - 2*time.Minute, time.Second},
		{"none", leasetimer.Policy{}, 0, 0, 0, 0, time.Second},
		{"none, a short poll interval", leasetimer.Policy{PollInterval: time.Millisecond}, 0, 0, 0, 0, time.Millisecond},
		{"1 ms", leasetimer.Policy{}, time.Millisecond, time.Millisecond / 3, time.Millisecond / 10, time.Millisecond/3 - time.Millisecond/10, 10 * time.Millisecond},
		{"the article's, 1 h", fixed, time.Hour, 5 * time.Minute, 2 * time.Minute, 3 * time.Minute, time.Second},
		{"the article's, 4 min", fixed, 4 * time.Minute, 216 * time.Second, 108 * time.Second, 108 * time.Second, time.Second},
		{"the article's, 4 s", fixed, 4 * time.Second, 3600 * time.Millisecond, 1800 * time.Millisecond, 1800 * time.Millisecond, 200 * time.Millisecond},
		{"a margin beyond the window", leasetimer.Policy{Margin: time.Hour}, time.Minute, 20 * time.Second, 10 * time.Second, 10 * time.Second, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := lease(test.life)
			want := func(what string, got, want time.Duration) {
				t.Helper()
				if got != want {
					t.Errorf("%s = %v, want %v", what, got, want)
				}
			}
			want("Life", leasetimer.Life(c), test.life)
			want("Window", test.policy.Window(c), test.window)
			want("MarginOf", test.policy.MarginOf(c), test.margin)
			want("Slack", test.policy.Slack(c), test.slack)
			want("Gap", test.policy.Gap(c), test.gap)
			if got := test.policy.NotAfter(c); test.life == 0 && !got.IsZero() {
				t.Errorf("NotAfter = %v for a credential without end", got)
			} else if test.life != 0 {
				want("end less NotAfter", c.ExpiresAt.Sub(got), test.margin)
			}
		})
	}
}

func TestDue(t *testing.T) {
	poll := leasetimer.Policy{PollInterval: 10 * time.Minute}
	noJitter := leasetimer.Policy{Jitter: -1}
	fixed := leasetimer.Policy{ExpiryWindow: 5 * time.Minute, Jitter: -1}
	after := func(c source.Credential, d time.Duration) source.Credential {
		c.RefreshAfter = issued.Add(d)
		return c
	}
	for _, test := range []struct {
		name   string
		policy leasetimer.Policy
		cred   source.Credential
		now    time.Duration // after issue
		first  bool
		random float64
		want   time.Duration // after issue
	}{
		{"60 s, at two thirds", leasetimer.Policy{}, lease(time.Minute), 0, false, 0, 40 * time.Second},
		{"60 s, all of the jitter", leasetimer.Policy{}, lease(time.Minute), 0, false, 1, 36 * time.Second},
		{"60 s, half of all as jitter", leasetimer.Policy{Jitter: 0.5}, lease(time.Minute), 0, false, 1, 20 * time.Second},
		{"60 s, no jitter", noJitter, lease(time.Minute), 0, false, 1, 40 * time.Second},
		{"4 s", leasetimer.Policy{}, lease(4 * time.Second), 0, false, 0, 4*time.Second - 4*time.Second/3},
		{"1 h", leasetimer.Policy{}, lease(time.Hour), 0, false, 0, 40 * time.Minute},
		{"1 h, the article's window", fixed, lease(time.Hour), 0, false, 0, 55 * time.Minute},
		{"a window longer than the life", fixed, lease(time.Minute), 0, false, 0, 6 * time.Second},
		{"a window longer than a short life", fixed, lease(4 * time.Second), 0, false, 0, 400 * time.Millisecond},

		{"first: anywhere before it is due", leasetimer.Policy{}, lease(time.Minute), 0, true, 0.5, 20 * time.Second},
		{"first: the jitter is the spread", leasetimer.Policy{}, lease(time.Minute), 0, true, 1, 40 * time.Second},
		{"first: not at once", leasetimer.Policy{}, lease(time.Minute), 0, true, 0, 5400 * time.Millisecond},
		{"first, when it is due already", leasetimer.Policy{}, lease(time.Minute), 50 * time.Second, true, 0.5, 51 * time.Second},
		{"first, no end", poll, lease(0), 0, true, 0.5, 5 * time.Minute},
		{"first, no end, not at once", poll, lease(0), 0, true, 0, time.Second},

		{"overdue: a tenth of what is left", leasetimer.Policy{}, lease(time.Hour), 48 * time.Minute, false, 0, 49 * time.Minute},
		{"overdue and nearly over: the gap", leasetimer.Policy{}, lease(time.Minute), 53 * time.Second, false, 0, 54 * time.Second},
		{"after its end: the gap", leasetimer.Policy{}, lease(time.Minute), 2 * time.Minute, false, 0, 2*time.Minute + time.Second},
		{"after the end of a short one", leasetimer.Policy{}, lease(4 * time.Second), 5 * time.Second, false, 0, 5200 * time.Millisecond},

		{"no end: the poll interval from now", poll, lease(0), 5 * time.Hour, false, 0, 5*time.Hour + 10*time.Minute},
		{"no end, all of the jitter", poll, lease(0), 0, false, 1, 9 * time.Minute},
		{"no end, the default interval", leasetimer.Policy{}, lease(0), 0, false, 0, time.Minute},

		{"the source's own plan", leasetimer.Policy{}, after(lease(time.Hour), 10*time.Minute), 0, false, 1, 10 * time.Minute},
		{"the source's own plan, first", leasetimer.Policy{}, after(lease(time.Hour), 10*time.Minute), 0, true, 0.5, 10 * time.Minute},
		{"the source's own plan, no end", poll, after(lease(0), 24*time.Hour), 0, false, 0.5, 24 * time.Hour},
		{"a plan after the end", leasetimer.Policy{}, after(lease(time.Hour), 2*time.Hour), 0, false, 0, 49 * time.Minute},
		{"a plan within the margin", leasetimer.Policy{}, after(lease(time.Hour), 59*time.Minute), 0, false, 0, 49 * time.Minute},
		{"a plan in the past", leasetimer.Policy{}, after(lease(time.Hour), -time.Minute), 0, false, 0, 348 * time.Second},
		{"a plan in the past, no end, a moment ago", poll, after(lease(0), -5*time.Second), 0, false, 0, time.Second},
		{"a plan in the past, no end, a minute ago", poll, after(lease(0), -time.Minute), 0, false, 0, 6 * time.Second},
		{"a plan in the past, no end, years ago", poll, after(lease(0), -20000*time.Hour), 0, false, 0, 10 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := test.policy.Due(test.cred, issued.Add(test.now), test.first, test.random)
			if got.Sub(issued) != test.want {
				t.Errorf("due %v after the issue, want %v", got.Sub(issued), test.want)
			}
		})
	}
}

// Times that a source may well send, and arithmetic that could overflow on them.
func TestDueOfStrangeCredentials(t *testing.T) {
	now := issued.Add(time.Minute)
	strange := map[string]source.Credential{
		"ends in the year 9999":    {IssuedAt: issued, ExpiresAt: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"ends in 100 years":        {IssuedAt: issued, ExpiresAt: issued.AddDate(100, 0, 0)},
		"issued at the epoch":      {IssuedAt: time.Unix(0, 0), ExpiresAt: now.Add(time.Minute)},
		"no time of issue":         {ExpiresAt: now.Add(time.Minute)},
		"ends before it is issued": {IssuedAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Minute)},
		"issued in the future":     {IssuedAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour)},
	}
	for name, c := range strange {
		t.Run(name, func(t *testing.T) {
			var p leasetimer.Policy
			if w, m := p.Window(c), p.MarginOf(c); w < 0 || m < 0 || m > w {
				t.Errorf("window %v, margin %v", w, m)
			}
			checkDue(t, p, c, now, false, 0.5)
			checkDue(t, p, c, now, true, almostOne)
			if due := p.Due(c, now, false, almostOne); due.After(c.ExpiresAt) {
				t.Errorf("due at %v, after the end %v", due, c.ExpiresAt)
			}
		})
	}
}

// A machine that sleeps stops its monotonic clock; Due must not carry one on.
func TestDueStripsTheMonotonicClock(t *testing.T) {
	now := time.Now()
	c := source.Credential{IssuedAt: now, ExpiresAt: now.Add(time.Hour), RefreshAfter: now.Add(time.Minute)}
	var p leasetimer.Policy
	for _, got := range []time.Time{p.Due(c, now, false, 0.5), p.NotAfter(c)} {
		if got != got.Round(0) {
			t.Errorf("%v has a monotonic reading", got)
		}
	}
}

// checkDue asserts what holds for every credential: no loop without a wait, and a refresh before the end.
func checkDue(t *testing.T, p leasetimer.Policy, c source.Credential, now time.Time, first bool, random float64) {
	t.Helper()
	due, gap := p.Due(c, now, first, random), p.Gap(c)
	if gap <= 0 {
		t.Fatalf("gap %v", gap)
	}
	if due.Before(now.Add(gap)) {
		t.Errorf("due %v after now, sooner than the gap of %v", due.Sub(now), gap)
	}
	if c.ExpiresAt.IsZero() {
		return
	}
	if end := p.NotAfter(c); due.After(end) && due.After(now.Add(gap)) {
		t.Errorf("due at %v, after the not-after %v", due, end)
	}
}

func FuzzDue(f *testing.F) {
	const s = int64(time.Second)
	f.Add(60*s, int64(0), int64(0), int64(0), int64(0), int64(0), 0.0, 0.5, false)
	f.Add(4*s, 3*s, int64(0), 300*s, 120*s, int64(0), -1.0, 0.0, true)
	f.Add(int64(0), int64(0), -5*s, int64(0), int64(0), 1*s, 1.0, 0.99, true)
	f.Add(int64(math.MaxInt64), int64(0), int64(0), int64(0), int64(0), int64(0), 0.1, 0.5, false)
	f.Fuzz(func(t *testing.T, life, now, after, window, margin, poll int64, jitter, random float64, first bool) {
		if life < 0 || window < 0 || margin < 0 || poll < 0 || !(random >= 0 && random < 1) || !(jitter <= 1) {
			return // a policy that the pools do not let through
		}
		p := leasetimer.Policy{
			ExpiryWindow: time.Duration(window), Margin: time.Duration(margin),
			PollInterval: time.Duration(poll), Jitter: jitter,
		}
		c := lease(time.Duration(life))
		if after != 0 {
			c.RefreshAfter = issued.Add(time.Duration(after))
		}
		checkDue(t, p, c, issued.Add(time.Duration(now)), first, random)
	})
}

// A source that gives the same credential again and again is asked ever more often towards its end, and never
// in a tight loop.
func TestDueOfAnUnchangedCredential(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 4 * time.Second, time.Minute, time.Hour, 720 * time.Hour} {
		for _, p := range []leasetimer.Policy{{}, {ExpiryWindow: 5 * time.Minute}, {ExpiryWindow: 1000 * time.Hour, Margin: time.Second}} {
			c := lease(life)
			fetches := 0
			for now := issued; now.Before(p.NotAfter(c)); fetches++ {
				now = p.Due(c, now, false, 0.5)
			}
			if fetches < 3 || fetches > 150 {
				t.Errorf("a life of %v under %+v: %d fetches", life, p, fetches)
			}
		}
	}
}

package refresh

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// A source that hangs for the whole slack hurts nobody before the login in use ends.
func TestHangingSource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute), plain).up()
		g := r.View().Current
		r.source.do(hang)
		for time.Until(g.NotAfter) > 0 {
			begin := time.Now()
			r.login("v1")
			if waited := time.Since(begin); waited != 0 {
				t.Fatalf("a caller waited %v", waited)
			}
			time.Sleep(min(100*time.Millisecond, time.Until(g.NotAfter)))
		}
		settle()
		if got := r.target.heard(); got != "publish 1:v1, expire 1:v1" {
			t.Errorf("the target heard %q", got)
		}
		// Due after at most 40 s, with 14 s of slack, 4.7 s for each call, and a wait after each.
		if n := r.source.count() - 1; n < 3 || n > 12 {
			t.Errorf("%d calls of a hanging source", n)
		}
		r.loginFails(t.Context(), rekey.ErrCredentialExpired, context.DeadlineExceeded)
	})
}

// An hour without the source, then without the login: what is asked stays bounded, and it ends by itself.
func TestHourOfOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute), func(c *Config) { c.Policy.PollInterval = 0 }).up()
		r.source.say(source.Credential{}, errStore)
		r.source.script(func(f *fakeSource) {
			f.renew = func(context.Context, source.Credential) (source.Credential, error) {
				return source.Credential{}, errors.New("renewing fails as well")
			}
		})
		time.Sleep(time.Hour)
		settle()
		v := r.View()
		if v.State() != rekey.StateExpired || v.Failures < 120 || v.Current.ID != 1 {
			t.Errorf("state %v, %d failures, generation %d", v.State(), v.Failures, v.Current.ID)
		}
		// Each 5 to 10 s in the first two minutes, each 15 to 30 s after the fifth.
		if n := r.source.count(); n < 120 || n > 280 {
			t.Errorf("%d fetches in an hour", n)
		}
		if r.source.tally().renewals > 60 {
			t.Errorf("%d renewals of a lease that was over after a minute", r.source.tally().renewals)
		}
		if r.target.countLogins() != 1 {
			t.Errorf("%d logins", r.target.countLogins())
		}
		r.loginFails(t.Context(), rekey.ErrCredentialExpired, errStore)
		r.source.do(mint(time.Minute))
		time.Sleep(30 * time.Second)
		r.login(r.View().Current.Credential.Version)
		if v := r.View(); v.State() != rekey.StateServing || v.Failures != 0 || v.LastErr != nil {
			t.Errorf("after the outage: state %v, %d failures, last error %v", v.State(), v.Failures, v.LastErr)
		}
	})
}

// A credential without an end survives any outage, and the source is left in peace.
func TestHourOfOutageWithoutAnEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0), plain).up()
		r.source.say(source.Credential{}, source.Permanent(errStore))
		time.Sleep(time.Hour)
		r.login("v1")
		if n := r.source.count(); n < 30 || n > 70 {
			t.Errorf("%d fetches", n)
		}
		if v := r.View(); v.State() != rekey.StateDegraded || v.Breaker == "" {
			t.Errorf("state %v, breaker %v", v.State(), v.Breaker)
		}
	})
}

// The waits between failures double, within their jitter, up to a quarter of the slack.
func TestBackoffBetweenFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Hour), plain, func(c *Config) { c.BreakerFailures = 1000 }).up()
		r.source.say(source.Credential{}, errStore)
		time.Sleep(55 * time.Minute)
		times := r.source.tally().times[1:]
		step := time.Second
		if len(times) < 8 {
			t.Fatalf("%d attempts", len(times))
		}
		for i := 1; i < len(times); i++ {
			if wait := times[i].Sub(times[i-1]); wait < step/2 || wait > step {
				t.Errorf("wait %d is %v, want between %v and %v", i, wait, step/2, step)
			}
			step = min(2*step, time.Minute)
		}
	})
}

// rigWithBreaker is a rig whose circuit breaker opens after three failures, for 30 s or a quarter of the slack.
func rigWithBreaker(t *testing.T, life time.Duration) *rig {
	r := newRig(t, mint(life), plain, func(c *Config) { c.BreakerFailures = 3 }).up()
	r.source.say(source.Credential{}, errStore)
	return r
}

func TestBreaker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := rigWithBreaker(t, 0)
		for r.View().Breaker != "open" {
			time.Sleep(100 * time.Millisecond)
		}
		opened := time.Now()
		if n := r.source.count(); n != 4 {
			t.Errorf("open after %d calls, want the first and 3 failures", n)
		}
		time.Sleep(25 * time.Second)
		if n := r.source.count(); n != 4 {
			t.Errorf("%d calls through an open breaker", n-4)
		}
		// That it is open is no reason that helps anybody; what the source said before is.
		checkErr(t, r.View().LastErr, errStore, gobreaker.ErrOpenState)

		// A forced refresh passes.
		checkErr(t, r.Refresh(t.Context()), errStore)
		if n := r.source.count(); n != 5 {
			t.Errorf("a forced refresh did not reach the source")
		}
		// Half open: one call tells, after 30 s and the backoff.
		for r.source.count() == 5 {
			time.Sleep(100 * time.Millisecond)
		}
		if waited := time.Since(opened); waited < 30*time.Second || waited > 2*time.Minute {
			t.Errorf("tried again after %v", waited)
		}
		r.source.say(static("v1"), nil)
		for r.View().Failures > 0 {
			time.Sleep(time.Second)
		}
		if got := r.View().Breaker; got != "closed" {
			t.Errorf("breaker %s after a success", got)
		}
	})
}

// The open time leaves room for attempts before the lease ends.
func TestBreakerFitsTheLease(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := rigWithBreaker(t, time.Minute)
		for r.View().Breaker != "open" {
			time.Sleep(10 * time.Millisecond)
		}
		calls := r.source.count()
		opened := time.Now()
		for r.source.count() == calls {
			time.Sleep(10 * time.Millisecond)
		}
		if waited := time.Since(opened); waited < 3500*time.Millisecond || waited > 7100*time.Millisecond {
			t.Errorf("tried again %v after the breaker opened, want a quarter of 14 s and a backoff", waited)
		}
	})
}

// A pool without any login does not wait for a breaker.
func TestBreakerDoesNotHoldUpAStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil, plain, withMaxHold(time.Minute))
		r.source.say(source.Credential{}, errStore)
		r.begin()
		time.Sleep(20 * time.Second)
		r.source.say(static("v1"), nil)
		begin := time.Now()
		r.login("v1")
		if waited := time.Since(begin); waited > 10*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

// Leases of 4 s: generation after generation, and never a moment without a login.
func TestShortLeases(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		minted := mint(4 * time.Second)
		r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
			time.Sleep(50 * time.Millisecond) // the store
			return minted(ctx, n)
		})
		r.target.accept(func(context.Context, source.Credential) error {
			time.Sleep(20 * time.Millisecond) // the server
			return nil
		})
		r.up()
		for r.View().Current.ID < 51 {
			before := time.Now()
			g, err := r.Login(t.Context())
			if err != nil || time.Since(before) != 0 {
				t.Fatalf("%v after %v", err, time.Since(before))
			}
			if !time.Now().Before(g.NotAfter) {
				t.Fatalf("generation %d is used after its end", g.ID)
			}
			time.Sleep(time.Millisecond)
		}
		if n := r.source.count(); n != 51 {
			t.Errorf("%d fetches for 51 generations", n)
		}
	})
}

// The same, with a source that fails every other time.
func TestShortLeasesFromAFlakySource(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(4*time.Second)).up()
		minted := mint(4 * time.Second)
		r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
			if n%2 == 0 {
				return source.Credential{}, errStore
			}
			return minted(ctx, n)
		})
		for r.View().Current.ID < 20 {
			if _, err := r.Login(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
}

// When nothing new is to be had, the lease in hand is renewed, for hours if need be.
func TestRenewalsCarryAnOutage(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute)).up()
		r.source.say(source.Credential{}, errStore)
		r.source.script(func(f *fakeSource) {
			f.renew = func(_ context.Context, c source.Credential) (source.Credential, error) {
				c.ExpiresAt = time.Now().Add(time.Minute)
				return c, nil
			}
		})
		for begin := time.Now(); time.Since(begin) < 3*time.Hour; time.Sleep(time.Second) {
			r.login("v1")
		}
		if v := r.View(); v.State() != rekey.StateDegraded || v.Current.ID != 1 {
			t.Errorf("state %v, generation %d", v.State(), v.Current.ID)
		}
		if r.source.tally().renewals > 300 {
			t.Errorf("%d renewals in 3 h of a lease of a minute", r.source.tally().renewals)
		}
	})
}

// TestTicks: the clock is looked at every second, for as long as the engine lives: a breaker that is no longer open shows before
// anything else happens.
func TestTicks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0), plain, func(c *Config) { c.BreakerFailures, c.BreakerOpen = 6, 3*time.Second }).up()
		r.source.say(source.Credential{}, errStore)
		for r.View().Breaker != "open" {
			time.Sleep(10 * time.Millisecond)
		}
		if until := time.Until(r.View().NextRefresh); until < 10*time.Second {
			t.Fatalf("the next attempt is only %v away", until)
		}
		time.Sleep(2900 * time.Millisecond)
		if r.View().Breaker != "open" {
			t.Error("not open for three seconds")
		}
		calls := r.source.count()
		time.Sleep(1200 * time.Millisecond)
		if got := r.View().Breaker; got != "half-open" || r.source.count() != calls {
			t.Errorf("the breaker shows as %q, after %d calls", got, r.source.count()-calls)
		}
	})
}

// TestUntilTick: pools look at the clock together.
func TestUntilTick(t *testing.T) {
	for _, test := range []struct{ at, want time.Duration }{
		{0, time.Second}, {1, time.Second - 1}, {999 * time.Millisecond, time.Millisecond}, {time.Minute, time.Second},
	} {
		if got := untilTick(epoch.Add(test.at)); got != test.want {
			t.Errorf("%v after a full second: %v, want %v", test.at, got, test.want)
		}
	}
}

package refresh

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// A caller who comes before the first credential waits for it.
func TestLoginWaitsForTheFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil, withMaxHold(time.Minute))
		r.source.say(static("v1"), errStore)
		r.begin()
		settle()
		time.AfterFunc(3*time.Second, func() { r.source.say(static("v1"), nil) })
		begin := time.Now()
		r.login("v1")
		if waited := time.Since(begin); waited < 3*time.Second || waited > 10*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestLoginWaitsNoLongerThanItMay(t *testing.T) {
	for _, test := range []struct {
		name    string
		ctx     func(context.Context) (context.Context, context.CancelFunc)
		maxHold time.Duration
		after   time.Duration
		want    []error
	}{
		{"MaxHold", context.WithCancel, 3 * time.Second, 3 * time.Second, []error{errStore}},
		{"its deadline", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, 3 * time.Second, time.Second, []error{context.DeadlineExceeded, errStore}},
		{"its cancel", func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(2*time.Second, cancel)
			return ctx, cancel
		}, 3 * time.Second, 2 * time.Second, []error{context.Canceled, errStore}},
		{"a deadline beyond MaxHold", func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, 3 * time.Second, 3 * time.Second, []error{errStore}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil, withMaxHold(test.maxHold))
				r.source.say(static("v1"), errStore)
				r.begin()
				settle()
				ctx, cancel := test.ctx(t.Context())
				defer cancel()
				if waited := r.loginFails(ctx, test.want...); waited != test.after {
					t.Errorf("waited %v, want %v", waited, test.after)
				}
			})
		})
	}
}

// Callers are held while a refused login has a chance of being replaced, and are told why if it is not.
func TestLoginAfterARefusal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.target.accept(refuses(rekey.VerifyRefused, "v1"))
		r.refuse(rekey.VerifyRefused)
		if v := r.View(); v.State() != rekey.StateRefused || v.Refused == nil || v.Usable() {
			t.Errorf("state %v", v.State())
		}
		var group sync.WaitGroup
		for range 10 {
			group.Go(func() {
				waited := r.loginFails(t.Context(), rekey.ErrLoginRefused)
				if waited != 5*time.Second {
					t.Errorf("waited %v, want MaxHold", waited)
				}
			})
		}
		group.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		r.loginFails(ctx, rekey.ErrLoginRefused, context.DeadlineExceeded)
		if n := r.target.countLogins(); n > 8 {
			t.Errorf("%d refused logins in 5 s", n)
		}

		// The store comes after the database by a second: callers notice nothing.
		time.AfterFunc(time.Second, func() { r.source.say(static("v2"), nil); r.source.notify() })
		begin := time.Now()
		r.login("v2")
		if waited := time.Since(begin); waited > 1100*time.Millisecond {
			t.Errorf("waited %v", waited)
		}
	})
}

// The server's answer is in the chain.
func TestLoginTellsWhyItWasRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil, withMaxHold(time.Second))
		r.source.say(static("v1"), nil)
		r.up()
		answer := errors.New("password authentication failed")
		failure := &rekey.VerifyError{Version: "v1", Class: rekey.VerifyRefused, SQLState: "28P01", Err: answer}
		r.target.accept(func(context.Context, source.Credential) error { return failure })
		r.Refused(r.View().Current, failure)
		r.loginFails(t.Context(), rekey.ErrLoginRefused, answer)
		time.Sleep(time.Minute)
		if got := r.View().LastErr; !errors.Is(got, answer) {
			t.Errorf("last error %v", got)
		}
	})
}

// An operator who disables a login means it: nobody waits once the source has said the same again.
func TestLoginAfterItWasForbidden(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.target.accept(refuses(rekey.VerifyForbidden, "v1"))
		r.refuse(rekey.VerifyForbidden)
		for range 3 {
			if waited := r.loginFails(t.Context(), rekey.ErrLoginRefused); waited != 0 {
				t.Errorf("waited %v", waited)
			}
			time.Sleep(7 * time.Second)
		}
		r.target.accept(nil)
		time.Sleep(11 * time.Second)
		r.login("v1")
		if got := r.names(); !strings.HasSuffix(got, "login restored, refresh ended") {
			t.Errorf("events %s", got)
		}
	})
}

// Refused returns once callers of Login wait: whoever reports a refusal and asks for a login in the same breath
// does not get the refused one.
func TestRefusedTakesEffectBeforeItReturns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		for _, version := range []string{"v2", "v3", "v4"} {
			r.source.say(static(version), nil)
			r.refuse(rekey.VerifyRefused)
			r.login(version)
		}
	})
}

// A report about a superseded generation changes nothing.
func TestRefusedTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		old := r.View().Current
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.Refused(old, verifyFailure(rekey.VerifyRefused))
		r.Revoked(old, verifyFailure(rekey.VerifyRefused))
		settle()
		r.login("v2")
		if n := r.source.count(); n != 2 {
			t.Errorf("%d fetches", n)
		}
	})
}

// A role found revoked is told to the target as such, and a new login taken.
func TestRevoked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.Revoked(r.View().Current, verifyFailure(rekey.VerifyRefused))
		settle()
		r.login("v2")
		if got := r.target.heard(); got != "publish 1:v1, revoked 1:v1, publish 2:v2" {
			t.Errorf("the target heard %q", got)
		}
	})
}

// For as long as a caller would wait at the most it is worth waiting after the end; in an outage that goes on it is not.
func TestLoginAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const maxHold = 4 * time.Second
		r := newRig(t, mint(time.Minute), withMaxHold(maxHold)).up()
		ends := r.View().Current.Credential.IssuedAt.Add(54 * time.Second)
		r.source.say(static(""), errStore)
		time.Sleep(time.Until(ends) - 1)
		r.login("v1")
		time.Sleep(time.Nanosecond)
		settle()
		if v := r.View(); v.State() != rekey.StateExpired {
			t.Errorf("state %v", v.State())
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if waited := r.loginFails(short, rekey.ErrCredentialExpired, errStore, context.DeadlineExceeded); waited != time.Second {
			t.Errorf("waited %v, want until the deadline", waited)
		}
		if waited := r.loginFails(t.Context(), rekey.ErrCredentialExpired, errStore); waited > maxHold || waited < maxHold-2*time.Second {
			t.Errorf("waited %v, want MaxHold or until it was over", waited)
		}
		time.Sleep(time.Until(ends.Add(maxHold)))
		if waited := r.loginFails(t.Context(), rekey.ErrCredentialExpired, errStore); waited != 0 {
			t.Errorf("waited %v in an outage that goes on", waited)
		}
		if got := r.target.heard(); got != "publish 1:v1, expire 1:v1" {
			t.Errorf("the target heard %q", got)
		}
		r.source.do(mint(time.Minute))
		time.Sleep(11 * time.Second)
		if v := r.View(); v.State() != rekey.StateServing || v.Current.ID < 2 { // its refresh may be due at any time again
			t.Errorf("state %v, generation %d", v.State(), v.Current.ID)
		}
	})
}

// What the first attempt after the end brings is used at once.
func TestLoginAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute), plain).up()
		r.source.say(static(""), errStore)
		expires := r.View().Current.NotAfter
		time.Sleep(time.Until(expires) - 1)
		fetch := mint(time.Minute)
		r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
			time.Sleep(time.Second)
			return fetch(ctx, n)
		})
		time.Sleep(time.Nanosecond)
		settle()
		begin := time.Now()
		if _, err := r.Login(t.Context()); err != nil || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

package refresh

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// After Stop every method returns at once and says so.
func TestStop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute)).up()
		g := r.View().Current
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if err := r.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if v := r.View(); v.State() != rekey.StateClosed || v.Usable() {
			t.Errorf("state %v", v.State())
		}
		events := len(r.said())
		begin := time.Now()
		r.loginFails(t.Context(), rekey.ErrClosed)
		checkErr(t, r.Ready(t.Context()), rekey.ErrClosed)
		checkErr(t, r.Refresh(t.Context()), rekey.ErrClosed)
		r.Refused(g, verifyFailure(rekey.VerifyRefused))
		r.Revoked(g, verifyFailure(rekey.VerifyRefused))
		r.Drained(g, 0, 0)
		r.source.notify()
		if time.Since(begin) != 0 {
			t.Errorf("that took %v", time.Since(begin))
		}
		time.Sleep(time.Hour)
		if n := r.source.count(); n != 1 || len(r.said()) != events {
			t.Errorf("%d fetches, %d events after the end", n, len(r.said())-events)
		}
	})
}

// Whoever waits is told.
func TestStopWakesWaiters(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, hang)
		r.begin()
		var group sync.WaitGroup
		for _, wait := range []func(context.Context) error{
			r.Ready,
			r.Refresh,
			func(ctx context.Context) error { _, err := r.Login(ctx); return err },
		} {
			group.Go(func() {
				begin := time.Now()
				checkErr(t, wait(t.Context()), rekey.ErrClosed)
				if waited := time.Since(begin); waited != time.Second {
					t.Errorf("waited %v", waited)
				}
			})
		}
		settle()
		time.Sleep(time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	})
}

// Cancel does not wait: whoever waits for a login is told, and Stop finds the rest.
func TestCancel(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, func(context.Context, int) (source.Credential, error) {
			time.Sleep(time.Minute)
			return static("late"), nil
		})
		r.begin()
		settle()
		begin := time.Now()
		r.Cancel()
		r.Cancel()
		r.loginFails(t.Context(), rekey.ErrClosed)
		if time.Since(begin) != 0 {
			t.Errorf("that took %v", time.Since(begin))
		}
		if err := r.Stop(t.Context()); err != nil || time.Since(begin) != time.Minute {
			t.Errorf("Stop: %v after %v", err, time.Since(begin))
		}
	})
}

// A source that does not honour its context holds Stop up no longer than Stop's own context allows; what it
// does later harms nobody.
func TestStopIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		stubborn := make(chan struct{})
		r := newRig(t, mint(0)).up()
		r.source.do(func(context.Context, int) (source.Credential, error) {
			<-stubborn
			return static("late"), nil
		})
		r.source.notify()
		settle()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begin := time.Now()
		checkErr(t, r.Stop(ctx), context.DeadlineExceeded)
		if time.Since(begin) != 3*time.Second {
			t.Errorf("after %v", time.Since(begin))
		}
		r.loginFails(t.Context(), rekey.ErrClosed) // although Stop has not ended
		close(stubborn)
		if err := r.Stop(t.Context()); err != nil {
			t.Errorf("once more: %v", err)
		}
		if got := r.target.heard(); got != "publish 1:v1" {
			t.Errorf("the target heard %q", got)
		}
	})
}

// A pool that failed before it started its engine stops it all the same.
func TestStopBeforeStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0))
		if err := r.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		r.Start()
		settle()
		if r.source.count() != 0 {
			t.Error("a stopped engine has started")
		}
		r.loginFails(t.Context(), rekey.ErrClosed)
		if err := r.RetireAll(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Stop at any moment: a hundred of them, spread over a start and a few refreshes.
func TestStopAtAnyTime(t *testing.T) {
	for i := range 100 {
		bubble(t, func(t *testing.T) {
			r := newRig(t, nil)
			minted := mint(time.Second)
			r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
				time.Sleep(7 * time.Millisecond)
				return minted(ctx, n)
			})
			r.target.accept(func(ctx context.Context, _ source.Credential) error {
				time.Sleep(5 * time.Millisecond)
				return ctx.Err()
			})
			r.Start()
			time.Sleep(time.Duration(i) * 13 * time.Millisecond)
			if err := r.end(); err != nil {
				t.Fatal(err)
			}
			counts := r.source.tally()
			if len(counts.retired) != counts.fetches {
				t.Errorf("after %d: %d logins made, %v given back", i, counts.fetches, counts.retired)
			}
		})
	}
}

// Events come one at a time, in the order in which things happened, and after the state that they tell of.
func TestEventsComeInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var r *rig
		busy := false
		r = newRig(t, mint(time.Minute), func(c *Config) {
			c.OnEvent = func(e rekey.Event) {
				if busy {
					t.Error("two events at once")
				}
				busy = true
				defer func() { busy = false }()
				if a, ok := e.(rekey.AdoptedEvent); ok && r.View().Current.ID != a.Generation {
					t.Error("a login is told to be adopted before it is")
				}
				r.hear(e)
			}
		})
		r.up()
		r.Drained(r.next(), 1, time.Second)
		r.source.say(source.Credential{}, errStore)
		time.Sleep(61 * time.Second)
		settle()
		want := []string{
			"credential fetched", "credential adopted", "refresh ended",
			"credential fetched", "credential adopted", "refresh ended", "generation drained", "credential retired",
			"credential refresh failed", "credential refresh failed", "refresh ended",
		}
		got := strings.Split(r.names(), ", ")
		if len(got) < len(want) || strings.Join(got[:len(want)], ", ") != strings.Join(want, ", ") {
			t.Errorf("events %v, want %v first", got, want)
		}
		if !strings.Contains(r.names(), "credential expired") {
			t.Errorf("events %v", got)
		}
	})
}

// Nothing that leaves the engine holds a password.
func TestNothingTellsASecret(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const secret = "secret of" // every fake password begins with it
		r := newRig(t, mint(time.Minute)).up()
		r.target.accept(refuses(rekey.VerifyRefused, "v2", "v3"))
		_ = r.Refresh(t.Context())
		r.refuse(rekey.VerifyRefused)
		time.Sleep(2 * time.Minute)
		r.Drained(r.View().Current, 0, 0)
		settle()
		for _, e := range r.said() {
			text, err := json.Marshal(e)
			if err != nil {
				text = nil // errors do not marshal
			}
			printed := fmt.Sprintf("%v %+v %#v %s %v", e, e, e, text, slog.GroupValue(e.Attrs()...))
			if strings.Contains(printed, secret) {
				t.Errorf("%s tells a password", e.Name())
			}
		}
		v := r.View()
		if printed := fmt.Sprintf("%v %+v %#v %+v %#v", v, v, v, *v.Current, *v.Current); strings.Contains(printed, secret) {
			t.Error("the view tells a password")
		}
		if len(r.said()) < 6 {
			t.Errorf("only %d events", len(r.said()))
		}
	})
}

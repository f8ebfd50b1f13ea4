package refresh

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

func TestEngineStarts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0))
		if v := r.View(); v.State() != rekey.StateStarting || v.Usable() || v.Trouble() == nil {
			t.Errorf("before Start: %v", v.State())
		}
		r.up()
		v := r.View()
		if v.State() != rekey.StateServing || !v.Usable() || v.Trouble() != nil || v.NextRefresh.IsZero() || v.Breaker != "closed" {
			t.Errorf("view %+v", v)
		}
		r.login("v1")
		if got := r.target.heard(); got != "publish 1:v1" {
			t.Errorf("the target heard %q", got)
		}
		if got := r.names(); got != "credential fetched, credential adopted, refresh ended" {
			t.Errorf("events %q", got)
		}
		if r.target.inUse[0] != nil {
			t.Error("the first verification was told of a login in use")
		}
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if g := r.target.inUse[1]; g == nil || g.ID != 1 {
			t.Errorf("the second verification was told of %v", g)
		}
	})
}

func TestEngineReadyGivesUp(t *testing.T) {
	permanent := source.Permanent(errStore)
	for _, test := range []struct {
		name   string
		err    error
		verify func(context.Context, source.Credential) error
		after  time.Duration
		want   error
	}{
		{"at once on a permanent error", permanent, nil, 0, errStore},
		{"after MaxHold on another", errStore, nil, 5 * time.Second, errStore},
		{"at once on a login that is forbidden", nil, refuses(rekey.VerifyForbidden, "v1"), 0, nil},
		{"at once on a login that lacks something", nil, refuses(rekey.VerifyLacking, "v1"), 0, nil},
		{"after MaxHold on a refused password", nil, refuses(rekey.VerifyRefused, "v1"), 5 * time.Second, nil},
		{"after MaxHold without a server", nil, func(context.Context, source.Credential) error { return errStore }, 5 * time.Second, errStore},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil, plain)
				r.source.say(static("v1"), test.err)
				r.target.accept(test.verify)
				begin := time.Now()
				r.begin()
				err := r.Ready(t.Context())
				if err == nil || time.Since(begin) != test.after {
					t.Errorf("%v after %v, want an error after %v", err, time.Since(begin), test.after)
				}
				if test.want != nil {
					checkErr(t, err, test.want)
				}
			})
		})
	}
}

// A pool whose first login was refused right after it had been adopted is made all the same.
func TestEngineReadyWithARefusedLogin(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.do(hang)
		r.refuse(rekey.VerifyRefused)
		if err := r.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// However many ask, one call of the source runs at a time.
func TestEngineSingleFlight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(4*time.Second)).up()
		slow := mint(4 * time.Second)
		r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
			time.Sleep(100 * time.Millisecond)
			return slow(ctx, n)
		})
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				time.Sleep(time.Duration(i) * 37 * time.Millisecond)
				if i%3 == 0 {
					r.source.notify()
				} else if err := r.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		settle()
		if r.source.tally().mostRunning != 1 {
			t.Errorf("%d calls of the source at once", r.source.tally().mostRunning)
		}
		if n := r.source.count(); n < 30 || n > 60 {
			t.Errorf("%d fetches in some 4 s of 100 ms each", n)
		}
	})
}

func TestEngineRefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		second := func(ctx context.Context, n int) (source.Credential, error) {
			time.Sleep(time.Second)
			return mint(0)(ctx, n)
		}
		r.source.do(second)
		begin := time.Now()
		if err := r.Refresh(t.Context()); err != nil || time.Since(begin) != time.Second {
			t.Fatalf("%v after %v", err, time.Since(begin))
		}
		r.login("v2")

		// One that is under way does not answer: it may have read the store before the caller changed it.
		begin = time.Now()
		var group sync.WaitGroup
		group.Go(func() { _ = r.Refresh(t.Context()) })
		settle()
		time.Sleep(time.Second / 2)
		for range 10 {
			group.Go(func() {
				if err := r.Refresh(t.Context()); err != nil || time.Since(begin) != 2*time.Second {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
			})
		}
		group.Wait()
		r.login("v4")
		if n := r.source.count(); n != 4 {
			t.Errorf("%d fetches, want 4", n)
		}
		if r.source.tally().forced != 3 {
			t.Errorf("%d of them by force, want 3", r.source.tally().forced)
		}
	})
}

func TestEngineRefreshFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.say(source.Credential{}, source.Permanent(errStore))
		err := r.Refresh(t.Context())
		checkErr(t, err, errStore)
		var fetchErr *rekey.FetchError
		if !errors.As(err, &fetchErr) || fetchErr.Op != "fetch" || !fetchErr.Permanent {
			t.Errorf("error %#v", err)
		}
		if v := r.View(); v.State() != rekey.StateDegraded || v.Failures != 1 || v.LastErr == nil {
			t.Errorf("view %+v", v)
		}

		r.source.say(static("bad"), nil)
		r.target.accept(refuses(rekey.VerifyLacking, "bad"))
		var verifyErr *rekey.VerifyError
		if err := r.Refresh(t.Context()); !errors.As(err, &verifyErr) || verifyErr.Version != "bad" || verifyErr.Class != rekey.VerifyLacking {
			t.Errorf("error %v", err)
		}
		r.login("v1")

		r.source.do(hang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		checkErr(t, r.Refresh(ctx), context.DeadlineExceeded)
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		checkErr(t, r.Refresh(cancelled), context.Canceled)
	})
}

func TestEngineFollowsHints(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		for _, version := range []string{"v2", "v3", "v3"} {
			r.source.say(static(version), nil)
			r.source.notify()
			settle()
			r.login(version)
		}
		if n := r.source.count(); n != 4 {
			t.Errorf("%d fetches, want 4", n)
		}
		if r.source.tally().forced != 0 {
			t.Error("a hint forces: the source knows itself what is new")
		}
		// Hints that come together are one, and one more after the fetch that they met.
		r.source.do(func(context.Context, int) (source.Credential, error) {
			time.Sleep(time.Second)
			return static("v4"), nil
		})
		for range 10 {
			r.source.notify()
			settle()
		}
		time.Sleep(5 * time.Second)
		if n := r.source.count(); n != 6 {
			t.Errorf("%d fetches, want 6", n)
		}
	})
}

// Whoever is called knows on whose behalf, the same for all calls of a pool.
func TestEngineNamesItsHolder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute)).up()
		r.Drained(r.View().Current, 0, 0)
		r.source.say(source.Credential{}, errStore)
		r.refuse(rekey.VerifyRefused)
		time.Sleep(time.Second)
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.RetireAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		if len(r.source.tally().holders) < 4 {
			t.Fatalf("%d calls", len(r.source.tally().holders))
		}
		for _, holder := range r.source.tally().holders {
			if holder == nil || holder != r.source.tally().holders[0] {
				t.Fatalf("holders %v", r.source.tally().holders)
			}
		}
	})
}

// A source may leave out Version and IssuedAt.
func TestEngineFillsIn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := source.Credential{Username: "user", Password: source.NewSecret("one")}
		r := newRig(t, nil)
		r.source.say(c, nil)
		r.up()
		first := r.View().Current.Credential
		if first.Version == "" || !first.IssuedAt.Equal(time.Now()) {
			t.Errorf("version %q, issued %v", first.Version, first.IssuedAt)
		}
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.View().Current; got.ID != 1 {
			t.Errorf("the same credential again is generation %d", got.ID)
		}
		c.Password = source.NewSecret("two")
		r.source.say(c, nil)
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := r.View().Current; got.ID != 2 || got.Credential.Version == first.Version {
			t.Errorf("another password is generation %d, version %q", got.ID, got.Credential.Version)
		}
	})
}

func TestEngineTimeouts(t *testing.T) {
	for _, test := range []struct {
		name  string
		life  time.Duration
		fetch time.Duration
	}{
		{"no end", 0, 10 * time.Second},
		{"an hour", time.Hour, 10 * time.Second},
		{"a minute: a third of the slack", time.Minute, 14 * time.Second / 3},
		{"four seconds", 4 * time.Second, (4*time.Second/3 - 400*time.Millisecond) / 3},
		{"a second", time.Second, 250 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, mint(test.life), plain).up()
				r.source.do(hang)
				begin := time.Now()
				err := r.Refresh(t.Context())
				checkErr(t, err, context.DeadlineExceeded)
				if got := time.Since(begin); got != test.fetch {
					t.Errorf("a hanging fetch was given up after %v, want %v", got, test.fetch)
				}
			})
		})
	}
}

func TestEngineVerifyTimeout(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.target.accept(func(ctx context.Context, _ source.Credential) error {
			<-ctx.Done()
			return ctx.Err()
		})
		begin := time.Now()
		err := r.Refresh(t.Context())
		checkErr(t, err, context.DeadlineExceeded)
		var verifyErr *rekey.VerifyError
		if !errors.As(err, &verifyErr) || verifyErr.Class != rekey.VerifyUnknown || verifyErr.Version != "v2" {
			t.Errorf("error %v", err)
		}
		if got := time.Since(begin); got != 5*time.Second {
			t.Errorf("given up after %v", got)
		}
		// It is in hand, and is what comes next.
		r.target.accept(nil)
		time.Sleep(time.Second)
		r.login("v2")
		if n := r.source.count(); n != 2 {
			t.Errorf("%d fetches, want 2", n)
		}
	})
}

// The alternates, through the engine: the store has not promoted what the database wants already.
func TestEngineAdoptsAnAlternate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.source.script(func(f *fakeSource) { f.alternates = []source.Credential{static("v2")} })
		r.target.accept(refuses(rekey.VerifyRefused, "v1"))
		r.refuse(rekey.VerifyRefused)
		r.login("v2")
		if !r.View().Current.Alternate || r.source.tally().forced != 1 {
			t.Errorf("generation %+v, %d forced fetches", r.View().Current, r.source.tally().forced)
		}
		r.source.say(static("v2"), nil) // promoted
		time.Sleep(2 * time.Minute)
		if g := r.View().Current; g.ID != 2 || r.View().State() != rekey.StateServing {
			t.Errorf("generation %d", g.ID)
		}
		if got := r.target.countLogins(); got != 2 {
			t.Errorf("%d logins, want 2", got)
		}
	})
}

// The wall clock is looked at every second: the timer that should have fired may have slept.
func TestEngineWallClock(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(time.Minute))
		for _, in := range []input{ask{}, got(source.Credential{
			Username: "user", Version: "v1", IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute),
		}), works()} {
			r.machine.step(in, time.Now(), scripted)
		}
		timer := leasetimer.NewTimer()
		timer.Set(r.machine.wake())
		timer.Stop() // as a timer of a machine that sleeps
		time.Sleep(2 * time.Minute)
		r.source.do(hang)
		r.wallClock(timer)
		if got := r.target.heard(); got != "expire 1:v1" {
			t.Errorf("the target heard %q", got)
		}
		r.stop()
		r.ops.Wait()
	})
}

func TestEngineViewChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		v := r.View()
		select {
		case <-v.Changed:
			t.Fatal("the newest snapshot says that there is a newer one")
		default:
		}
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-v.Changed:
		default:
			t.Error("an old snapshot says that it is the newest")
		}
	})
}

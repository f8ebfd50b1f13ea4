package source_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

const life = time.Hour

// lease is a login that lives for an hour from now; its refresh is due after 40 minutes, so it is fresh for 30.
func lease(n int) source.Credential {
	now := time.Now()
	return source.Credential{
		Username: fmt.Sprint("user", n), Password: source.NewSecret(fmt.Sprint("password-", n)),
		Version: fmt.Sprint("v", n), IssuedAt: now, ExpiresAt: now.Add(life),
	}
}

// dynamic is a source of which every Fetch is a new login.
func dynamic(abilities ...sourcetest.Ability) *sourcetest.Fake {
	fake := sourcetest.New(source.Credential{}, abilities...)
	fake.Mint(lease)
	return fake
}

// as is the context of a pool of that name.
func as(t *testing.T, pool string) context.Context { return source.WithHolder(t.Context(), pool) }

func wantVersion(t *testing.T, src source.Source, ctx context.Context, want string) source.Credential {
	t.Helper()
	c, err := src.Fetch(ctx)
	if err != nil || c.Version != want {
		t.Fatalf("Fetch = %q, %v, want %q", c.Version, err, want)
	}
	return c
}

func TestSharedKeepsWhatIsFresh(t *testing.T) {
	none := time.Duration(-1)
	for _, test := range []struct {
		name                       string
		issued, expires, refreshes time.Duration // from the first Fetch on; none: not set
		fresh                      time.Duration // when the next login is issued; 0: at once
	}{
		{"by expiry", 0, life, none, 30 * time.Minute},
		{"by expiry, issue time not known", none, life, none, 30 * time.Minute},
		{"by RefreshAfter", 0, life, 20 * time.Minute, 15 * time.Minute},
		{"by RefreshAfter alone", none, none, 20 * time.Minute, 15 * time.Minute},
		{"with neither", 0, none, none, 0},
		{"due already", 0, life, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := sourcetest.New(source.Credential{})
				fake.Mint(func(n int) source.Credential {
					c := source.Credential{Username: "u", Version: fmt.Sprint("v", n)}
					set := func(at *time.Time, after time.Duration) {
						if after != none {
							*at = time.Now().Add(after)
						}
					}
					set(&c.IssuedAt, test.issued)
					set(&c.ExpiresAt, test.expires)
					set(&c.RefreshAfter, test.refreshes)
					return c
				})
				src := source.Shared(fake.Source())
				wantVersion(t, src, t.Context(), "v1")
				if test.fresh > 0 {
					time.Sleep(test.fresh - 1)
					wantVersion(t, src, t.Context(), "v1")
					time.Sleep(time.Nanosecond)
				}
				wantVersion(t, src, t.Context(), "v2")
			})
		})
	}
}

// A login found late in its life is not kept: the pool that asks expects its successor.
func TestSharedDoesNotKeepAnOldLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := lease(1)
		fake := sourcetest.New(first)
		src := source.Shared(fake.Source())
		time.Sleep(40 * time.Minute)
		wantVersion(t, src, t.Context(), "v1")
		fake.Rotate(lease(2))
		wantVersion(t, src, t.Context(), "v2")
	})
}

// Three pools whose refreshes are due at different moments follow each other from login to login.
func TestSharedPoolsConverge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic(sourcetest.Retires)
		src := source.Shared(fake.Source())
		for round := 1; round <= 5; round++ {
			for _, pool := range []string{"primary", "replica1", "replica2"} {
				wantVersion(t, src, as(t, pool), fmt.Sprint("v", round))
				time.Sleep(3 * time.Minute) // jitter
			}
			time.Sleep(27 * time.Minute)
		}
		if got := fake.Fetches(); got != 5 {
			t.Errorf("%d logins for 5 rounds of 3 pools", got)
		}
	})
}

func TestSharedConcurrentFetchesAreOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := sourcetest.New(source.Credential{})
		fake.Mint(func(n int) source.Credential { return source.Credential{Version: fmt.Sprint("v", n)} })
		fake.Delay(time.Second)
		src := source.Shared(fake.Source())
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() { wantVersion(t, src, t.Context(), "v1") })
		}
		group.Wait()
		if got := fake.Fetches(); got != 1 {
			t.Errorf("%d fetches", got)
		}
	})
}

func TestSharedErrorsGoToAllAndAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic()
		fake.Delay(time.Second)
		fake.FailNext(1, source.Permanent(io.ErrUnexpectedEOF))
		src := source.Shared(fake.Source())
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				_, err := src.Fetch(t.Context())
				if !errors.Is(err, io.ErrUnexpectedEOF) || !source.IsPermanent(err) {
					t.Errorf("error %v", err)
				}
			})
		}
		group.Wait()
		wantVersion(t, src, t.Context(), "v1")
	})
}

func TestSharedOneCallersCancelLeavesTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic()
		fake.Delay(10 * time.Second)
		src := source.Shared(fake.Source())
		first, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		var group sync.WaitGroup
		group.Go(func() { // makes the call, and gives up
			start := time.Now()
			_, err := src.Fetch(first)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
				t.Errorf("%v after %v", err, time.Since(start))
			}
		})
		synctest.Wait()
		group.Go(func() { wantVersion(t, src, t.Context(), "v1") })
		group.Wait()
		if got := fake.Fetches(); got != 1 {
			t.Errorf("%d fetches", got)
		}
	})
}

func TestSharedWorkEndsWithItsLastCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic()
		defer fake.Hang()()
		src := source.Shared(fake.Source())
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			go func() { _, _ = src.Fetch(ctx) }()
		}
		synctest.Wait()
		if fake.Running() != 1 {
			t.Fatalf("%d fetches run", fake.Running())
		}
		cancel()
		synctest.Wait()
		if fake.Running() != 0 {
			t.Error("the fetch goes on although nobody waits for it")
		}
	})
}

// A caller that comes as the last one leaves gets a fetch of its own, not the cancelled one.
func TestSharedNobodyJoinsACancelledFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stubborn := make(chan struct{})
		var calls atomic.Int32
		src := source.Shared(source.Func(func(context.Context) (source.Credential, error) {
			if calls.Add(1) == 1 {
				<-stubborn // does not honour its context
				return lease(1), nil
			}
			return lease(2), nil
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := src.Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		wantVersion(t, src, t.Context(), "v2")
		close(stubborn)
		synctest.Wait()
		wantVersion(t, src, t.Context(), "v2") // the late answer is older: it must not come back
	})
}

func TestSharedEndedContext(t *testing.T) {
	fake := dynamic()
	src := source.Shared(fake.Source())
	wantVersion(t, src, t.Context(), "v1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := src.Fetch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestSharedForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic()
		src := source.Shared(fake.Source())
		a, b := as(t, "a"), as(t, "b")
		wantVersion(t, src, a, "v1")
		wantVersion(t, src, b, "v1")

		// Both were refused with v1, one after the other: they meet on v2.
		wantVersion(t, src, source.WithForce(a), "v2")
		wantVersion(t, src, source.WithForce(b), "v2")
		wantVersion(t, src, a, "v2")

		// a is refused with v2 as well.
		wantVersion(t, src, source.WithForce(a), "v3")
		wantVersion(t, src, b, "v3")
		if counts := fake.Counts(); counts.Forced != 2 {
			t.Errorf("src saw %d forced fetches, want 2", counts.Forced)
		}

		// Of an unknown caller it cannot be said what it had.
		wantVersion(t, src, source.WithForce(t.Context()), "v4")
		wantVersion(t, src, source.WithForce(t.Context()), "v5")
	})
}

// A forced fetch does not take the answer of an ordinary one that began before the refusal, unless that turns
// out to be new to the caller.
func TestSharedForceMeetsAFetchUnderWay(t *testing.T) {
	for _, test := range []struct {
		name  string
		mint  func(int) source.Credential
		calls int
	}{
		{"that brings a new login", lease, 2},
		{"that brings the refused one", func(int) source.Credential { return lease(1) }, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := sourcetest.New(source.Credential{})
				fake.Mint(test.mint)
				src := source.Shared(fake.Source())
				wantVersion(t, src, as(t, "a"), "v1")
				time.Sleep(35 * time.Minute)
				fake.Delay(time.Second)
				var group sync.WaitGroup
				group.Go(func() { _, _ = src.Fetch(as(t, "b")) })
				synctest.Wait()
				group.Go(func() {
					if _, err := src.Fetch(source.WithForce(as(t, "a"))); err != nil {
						t.Error(err)
					}
				})
				group.Wait()
				if got := fake.Fetches(); got != test.calls {
					t.Errorf("%d fetches, want %d", got, test.calls)
				}
				if fake.MostRunning() != 1 {
					t.Errorf("%d fetches at once", fake.MostRunning())
				}
			})
		})
	}
}

func TestSharedFollowsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := sourcetest.New(lease(1), sourcetest.Notifies)
		src := source.Shared(fake.Source())
		n := src.(source.Notifier)
		changed := n.Changed()
		wantVersion(t, src, t.Context(), "v1")
		fake.Rotate(lease(2))
		<-changed
		wantVersion(t, src, t.Context(), "v2")
		wantVersion(t, src, t.Context(), "v2")
		if got := fake.Fetches(); got != 2 {
			t.Errorf("%d fetches, want 2", got)
		}
	})
}

// A pool that was told of a change must not be given the answer of a fetch that began before it.
func TestSharedChangeDuringAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := make(chan struct{}, 2)
		current := lease(1)
		fake := sourcetest.New(source.Credential{}, sourcetest.Notifies)
		src := source.Shared(readsThenWaits{fake.Source().(notifierSource), &current, began})
		var group sync.WaitGroup
		group.Go(func() { wantVersion(t, src, t.Context(), "v1") })
		<-began
		current = lease(2)
		fake.Notify()
		group.Go(func() { wantVersion(t, src, t.Context(), "v2") })
		group.Wait()
	})
}

type notifierSource interface {
	source.Source
	source.Notifier
}

// readsThenWaits has read its answer long before it returns it.
type readsThenWaits struct {
	notifierSource
	current *source.Credential
	began   chan struct{}
}

func (s readsThenWaits) Fetch(context.Context) (source.Credential, error) {
	c := *s.current
	s.began <- struct{}{}
	time.Sleep(time.Second)
	return c, nil
}

func TestSharedRenewalIsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic(sourcetest.Renews)
		fake.RenewFor(life)
		src := source.Shared(fake.Source())
		c := wantVersion(t, src, t.Context(), "v1")
		time.Sleep(25 * time.Minute)
		renewed, err := src.(source.Renewer).Renew(t.Context(), c)
		if err != nil || !renewed.ExpiresAt.After(c.ExpiresAt) {
			t.Fatalf("Renew = %v, %v", renewed.ExpiresAt, err)
		}
		time.Sleep(29 * time.Minute)
		if c := wantVersion(t, src, t.Context(), "v1"); !c.ExpiresAt.Equal(renewed.ExpiresAt) {
			t.Errorf("another pool is given ExpiresAt %v, want %v", c.ExpiresAt, renewed.ExpiresAt)
		}
		time.Sleep(2 * time.Minute)
		wantVersion(t, src, t.Context(), "v2")
	})
}

func TestSharedRetiresWithTheLastHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic(sourcetest.Retires)
		src := source.Shared(fake.Source())
		retire := func(ctx context.Context, c source.Credential, want int) {
			t.Helper()
			if err := src.(source.Retirer).Retire(ctx, c); err != nil {
				t.Fatal(err)
			}
			if got := len(fake.Retired()); got != want {
				t.Fatalf("%d logins retired, want %d", got, want)
			}
		}
		a, b, c := as(t, "a"), as(t, "b"), as(t, "c")
		v1 := wantVersion(t, src, a, "v1")
		wantVersion(t, src, a, "v1") // the same pool asks again: still one holder
		wantVersion(t, src, b, "v1")
		retire(a, v1, 0)
		retire(a, v1, 0)
		retire(c, v1, 0) // never had it
		wantVersion(t, src, a, "v1")
		retire(b, v1, 0) // a has it again
		retire(a, v1, 1)
		retire(a, v1, 1) // once is enough

		// What was retired is not given any more, fresh as it may look.
		v2 := wantVersion(t, src, b, "v2")
		retire(b, v2, 2)
		retire(b, source.Credential{Version: "unheard of"}, 2)
	})
}

func TestSharedRetireCountsUnknownCallersByHandOut(t *testing.T) {
	fake := dynamic(sourcetest.Retires)
	src := source.Shared(fake.Source())
	c := wantVersion(t, src, t.Context(), "v1")
	wantVersion(t, src, t.Context(), "v1")
	for _, want := range []int{0, 1} {
		if err := src.(source.Retirer).Retire(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if got := len(fake.Retired()); got != want {
			t.Errorf("%d logins retired, want %d", got, want)
		}
	}
}

// One of two concurrent callers retires the login before the other has woken up: the other's counts already.
func TestSharedRetireWaitsForConcurrentCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := dynamic(sourcetest.Retires)
		fake.Delay(time.Second)
		src := source.Shared(fake.Source())
		var group sync.WaitGroup
		for i := range 10 {
			group.Go(func() {
				ctx := as(t, fmt.Sprint(i))
				c, err := src.Fetch(ctx)
				if err != nil {
					t.Error(err)
				}
				if err := fake.Login(ctx, c); err != nil {
					t.Error("a caller was given a retired login")
				}
				_ = src.(source.Retirer).Retire(ctx, c)
			})
		}
		group.Wait()
		if got := len(fake.Retired()); got != 1 {
			t.Errorf("%d logins retired, want 1", got)
		}
	})
}

func TestSharedRetireErrorIsPassedOn(t *testing.T) {
	fake := dynamic(sourcetest.Retires)
	fake.FailNextRetire(1, io.ErrClosedPipe)
	src := source.Shared(fake.Source())
	c := wantVersion(t, src, t.Context(), "v1")
	if err := src.(source.Retirer).Retire(t.Context(), c); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

func TestSharedAlternatesAreHeldToo(t *testing.T) {
	fake := sourcetest.New(lease(1), sourcetest.NamesAlternates, sourcetest.Retires)
	fake.SetAlternates(lease(2))
	src := source.Shared(fake.Source())
	for _, pool := range []string{"a", "b"} {
		found, err := src.(source.Alternates).Alternates(as(t, pool), lease(1))
		if err != nil || len(found) != 1 || found[0].Version != "v2" {
			t.Fatalf("Alternates = %v, %v", found, err)
		}
	}
	for i, pool := range []string{"a", "b"} {
		if err := src.(source.Retirer).Retire(as(t, pool), lease(2)); err != nil {
			t.Fatal(err)
		}
		if got := len(fake.Retired()); got != i {
			t.Errorf("%d retired after %d of 2 pools", got, i+1)
		}
	}
}

func TestSharedServesNothingAfterClose(t *testing.T) {
	fake := dynamic(sourcetest.Closes)
	src := source.Shared(fake.Source())
	wantVersion(t, src, t.Context(), "v1")
	if err := src.(io.Closer).Close(); err != nil || !fake.Closed() {
		t.Fatalf("Close: %v, closed %v", err, fake.Closed())
	}
	if _, err := src.Fetch(t.Context()); !errors.Is(err, sourcetest.ErrClosed) {
		t.Errorf("Fetch after Close: %v", err)
	}
}

// The source may end the goroutine that called it, as t.FailNow does: its callers must not wait forever.
func TestSharedSurvivesGoexit(t *testing.T) {
	src := source.Shared(source.Func(func(context.Context) (source.Credential, error) {
		runtime.Goexit()
		panic("not reached")
	}))
	if _, err := src.Fetch(t.Context()); err == nil {
		t.Error("no error")
	}
}

// TestCompose: what is not asked for is not there, whatever the base can do.
func TestCompose(t *testing.T) {
	all := sourcetest.New(source.Credential{Version: "1"}, sourcetest.Renews, sourcetest.Notifies,
		sourcetest.NamesAlternates, sourcetest.Retires, sourcetest.Closes).Source()
	if a := source.AbilitiesOf(all); a.Renewer == nil || a.Notifier == nil || a.Alternates == nil || a.Retirer == nil || a.Closer == nil {
		t.Fatalf("a source with all abilities has %+v", a)
	}
	if got := abilities(source.Compose(all, source.Abilities{})); got != 0 {
		t.Errorf("a source without abilities has %b", got)
	}
	composed := source.Compose(all, source.Abilities{Retirer: source.AbilitiesOf(all).Retirer})
	if got := abilities(composed); got != sourcetest.Retires {
		t.Errorf("a source that retires has %b", got)
	}
	if c, err := composed.Fetch(t.Context()); err != nil || c.Version != "1" {
		t.Errorf("fetched %v, %v", c, err)
	}
}

func TestSharedHasTheAbilitiesOfItsSource(t *testing.T) {
	for mask := range sourcetest.Ability(32) {
		inner := sourcetest.New(lease(1), mask).Source()
		if got := abilities(inner); got != mask {
			t.Fatalf("sourcetest gives abilities %b, want %b", got, mask)
		}
		if got := abilities(source.Shared(inner)); got != mask {
			t.Errorf("Shared of a source with abilities %b has %b", mask, got)
		}
	}
}

func abilities(src source.Source) (mask sourcetest.Ability) {
	if _, ok := src.(source.Renewer); ok {
		mask |= sourcetest.Renews
	}
	if _, ok := src.(source.Notifier); ok {
		mask |= sourcetest.Notifies
	}
	if _, ok := src.(source.Alternates); ok {
		mask |= sourcetest.NamesAlternates
	}
	if _, ok := src.(source.Retirer); ok {
		mask |= sourcetest.Retires
	}
	if _, ok := src.(io.Closer); ok {
		mask |= sourcetest.Closes
	}
	return mask
}

// Many pools refresh, force, retire and give up at random; what must hold, holds.
func TestSharedUnderStress(t *testing.T) {
	fake := sourcetest.New(source.Credential{}, sourcetest.Retires, sourcetest.Notifies)
	fake.Mint(func(n int) source.Credential {
		c := lease(n)
		c.ExpiresAt = time.Now().Add(10 * time.Millisecond)
		return c
	})
	src := source.Shared(fake.Source())
	retirer := src.(source.Retirer)
	background := context.WithoutCancel(t.Context())
	var group sync.WaitGroup
	for pool := range 8 {
		group.Go(func() {
			ctx := source.WithHolder(background, pool)
			for i := range 500 {
				call := ctx
				if i%7 == pool {
					call = source.WithForce(ctx)
				}
				call, cancel := context.WithTimeout(call, time.Duration(i%5)*10*time.Microsecond+time.Nanosecond)
				if i%3 > 0 {
					call = ctx
				}
				c, err := src.Fetch(call)
				cancel()
				if err != nil {
					continue
				}
				for _, r := range fake.Retired() {
					if r.Version == c.Version {
						t.Errorf("%s was retired while a pool had it", c.Version)
					}
				}
				_ = retirer.Retire(ctx, c)
			}
		})
	}
	group.Wait()
}

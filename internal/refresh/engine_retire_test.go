package refresh

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// next takes the rig to another generation and returns the one before.
func (r *rig) next() *Generation {
	r.t.Helper()
	before := r.View().Current
	if err := r.Refresh(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return before
}

// wantGone asserts what was given back to the source so far, in order.
func (r *rig) wantGone(versions ...string) {
	r.t.Helper()
	settle()
	if got := r.source.tally().retired; !slices.Equal(got, versions) {
		r.t.Fatalf("given back %v, want %v", got, versions)
	}
}

// end stops the engine and gives back what it holds.
func (r *rig) end() error {
	r.t.Helper()
	if err := r.Stop(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	return r.RetireAll(r.t.Context())
}

func TestRetireAfterDrain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		first := r.next()
		second := r.next()
		r.wantGone()
		r.Drained(second, 3, time.Second)
		r.wantGone("v2")
		r.Drained(first, 0, 0)
		r.wantGone("v2", "v1")
		r.Drained(first, 0, 0)
		r.wantGone("v2", "v1")
		for _, e := range r.said() {
			if d, ok := e.(rekey.DrainedEvent); ok && d.Generation == 2 && (d.Version != "v2" || d.Cancelled != 3 || d.Duration != time.Second) {
				t.Errorf("event %+v", d)
			}
		}
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v2", "v1", "v3")
		if err := r.RetireAll(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v2", "v1", "v3")
	})
}

func TestRetireAfterARefusedVerification(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.target.accept(refuses(rekey.VerifyLacking, "v2"))
		if err := r.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
		r.wantGone("v2")
		r.next() // v3 works
		r.wantGone("v2")
	})
}

// A candidate that could not be verified is given back when something newer comes, and not before.
func TestRetireOfASupersededCandidate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.target.accept(func(context.Context, source.Credential) error { return errors.New("no route to host") })
		if err := r.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
		r.wantGone()
		if err := r.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
		r.wantGone("v2")
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v2", "v1", "v3") // the one in use, and the one in hand
	})
}

// A version that comes back while its first generation drains belongs to two generations, and is given back
// after the last of them.
func TestRetireOfAVersionThatCameBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		var generations []*Generation
		r.source.say(static("v1"), nil)
		r.up()
		for _, version := range []string{"v2", "v1", "v3"} {
			r.source.say(static(version), nil)
			generations = append(generations, r.next())
		}
		r.Drained(generations[0], 0, 0)
		r.wantGone()
		r.Drained(generations[1], 0, 0)
		r.wantGone("v2")
		r.Drained(generations[2], 0, 0)
		r.wantGone("v2", "v1")
	})
}

// Nor is it given back while it is a candidate again.
func TestRetireOfAVersionThatIsVerifiedAgain(t *testing.T) {
	for _, test := range []struct {
		name    string
		outcome error
		gone    []string // after that, before the end
	}{
		{"adopted", nil, nil},
		{"refused", verifyFailure(rekey.VerifyLacking), []string{"v1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, nil)
				r.source.say(static("v1"), nil)
				r.up()
				r.source.say(static("v2"), nil)
				first := r.next()
				release := make(chan struct{})
				r.target.accept(func(context.Context, source.Credential) error {
					<-release
					return test.outcome
				})
				r.source.say(static("v1"), nil)
				r.source.notify()
				settle()
				r.Drained(first, 0, 0)
				r.wantGone()
				close(release)
				r.wantGone(test.gone...)
			})
		})
	}
}

// A refused candidate whose version still has a generation with connections is not given back under them.
func TestRetireSparesADrainingGeneration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.source.say(static("v2"), nil)
		first := r.next()
		r.source.say(static("v1"), nil)
		r.target.accept(refuses(rekey.VerifyLacking, "v1"))
		if err := r.Refresh(t.Context()); err == nil {
			t.Fatal("no error")
		}
		r.wantGone()
		r.Drained(first, 0, 0)
		r.wantGone("v1")
	})
}

// Alternates are not ours to give back, unless they were adopted.
func TestRetireOfAlternates(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, nil)
		r.source.say(static("v1"), nil)
		r.up()
		r.source.script(func(f *fakeSource) { f.alternates = []source.Credential{static("p1"), static("p2")} })
		r.target.accept(refuses(rekey.VerifyRefused, "v1", "p1"))
		r.refuse(rekey.VerifyRefused)
		r.login("p2")
		r.wantGone()
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v1", "p2")
	})
}

func TestRetireFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.script(func(f *fakeSource) {
			f.retire = func(_ context.Context, c source.Credential) error { return errStore }
		})
		r.Drained(r.next(), 0, 0)
		r.wantGone("v1")
		events := r.said()
		retired, ok := events[len(events)-1].(rekey.RetiredEvent)
		if !ok || retired.Version != "v1" || retired.Err == nil || retired.Err.Op != "retire" {
			t.Errorf("last event %+v", events[len(events)-1])
		}
		checkErr(t, r.end(), errStore)
		r.wantGone("v1", "v2") // tried once
	})
}

// What is being given back when the engine ends is waited for, and not done twice.
func TestRetireOutlivesTheEngine(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.script(func(f *fakeSource) {
			f.retire = func(ctx context.Context, c source.Credential) error {
				if c.Version != "v1" {
					return nil
				}
				select {
				case <-time.After(3 * time.Second):
					return errStore
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
		r.Drained(r.next(), 0, 0)
		r.wantGone("v1")
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkErr(t, r.RetireAll(t.Context()), errStore)
		r.wantGone("v1", "v2")
		told := 0
		for _, e := range r.said() {
			if e, ok := e.(rekey.RetiredEvent); ok && e.Version == "v1" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}

// A source that takes long is cut short with the context.
func TestRetireTakesTooLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.script(func(f *fakeSource) {
			f.retire = func(ctx context.Context, _ source.Credential) error { <-ctx.Done(); return ctx.Err() }
		})
		r.Drained(r.next(), 0, 0)
		r.wantGone("v1")
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		checkErr(t, r.RetireAll(ctx), context.Canceled)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("after %v", took)
		}
	})
}

// One that takes long does not cost the others their time.
func TestRetireLeavesTimeForTheRest(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.script(func(f *fakeSource) {
			f.retire = func(ctx context.Context, c source.Credential) error {
				if c.Version == "v1" {
					<-ctx.Done()
				}
				return ctx.Err()
			}
		})
		r.Drained(r.next(), 0, 0)
		r.wantGone("v1")
		if err := r.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.RetireAll(ctx)
		for _, e := range r.said() {
			if e, ok := e.(rekey.RetiredEvent); ok && e.Version == "v2" && e.Err != nil {
				t.Error(e.Err)
			}
		}
		r.wantGone("v1", "v2")
	})
}

// A credential that the source gave as the engine ended is given back too.
func TestRetireOfWhatArrivedTooLate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.source.do(func(ctx context.Context, n int) (source.Credential, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // the answer was on its way
			return static("late"), nil
		})
		go func() { _ = r.Refresh(t.Context()) }()
		settle()
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v1", "late")
	})
}

// So is one that was about to be verified.
func TestRetireOfACandidateAtTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0)).up()
		r.target.accept(func(ctx context.Context, _ source.Credential) error { <-ctx.Done(); return ctx.Err() })
		go func() { _ = r.Refresh(t.Context()) }()
		settle()
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone("v1", "v2")
	})
}

// A source that takes nothing back is asked for nothing.
func TestRetireWithoutTheAbility(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, mint(0), plain).up()
		r.Drained(r.next(), 0, 0)
		settle()
		if err := r.end(); err != nil {
			t.Fatal(err)
		}
		r.wantGone()
	})
}

package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// prompt is how soon a call must return after its context ended. It allows for a loaded machine.
const prompt = 3 * time.Second

// Run checks that the sources which h makes do what package source asks of a Source. Run the tests with -race.
func Run(t *testing.T, h Harness) {
	if h.Make == nil {
		t.Fatal("sourcetest: Harness.Make is nil")
	}
	for _, check := range []struct {
		name string
		run  func(*suite)
	}{
		{"Fetch", (*suite).fetches},
		{"Rotation", (*suite).followsRotation},
		{"Notifier", (*suite).notifies},
		{"Outage", (*suite).survivesOutage},
		{"Context", (*suite).honoursContext},
		{"Concurrent", (*suite).standsConcurrency},
		{"Renew", (*suite).renews},
		{"Alternates", (*suite).namesAlternates},
		{"Retire", (*suite).retires},
		{"Close", (*suite).closes},
	} {
		t.Run(check.name, func(t *testing.T) {
			before := goroutines()
			s := &suite{t: t, h: h, logins: map[string]string{}}
			s.origin = h.Make(t)
			if s.origin == nil || s.origin.Source == nil {
				t.Fatal("sourcetest: Harness.Make made no Source")
			}
			if c, ok := s.origin.Source.(io.Closer); ok {
				t.Cleanup(func() { _ = c.Close() }) // where a check ends the test
			}
			if s.origin.Rotate == nil && !h.Dynamic {
				t.Fatal("sourcetest: Origin.Rotate is nil")
			}
			check.run(s)
			s.end(before)
		})
	}
}

// suite is one subtest's source and what was learned about it.
type suite struct {
	t      *testing.T
	h      Harness
	origin *Origin

	mu     sync.Mutex // guards what follows
	logins map[string]string
	seen   []secret
}

func (s *suite) fetches() {
	first := s.fetch()
	second := s.fetch()
	if !s.h.Dynamic && first.Version != second.Version {
		s.t.Errorf("Version went from %q to %q although nothing was rotated", first.Version, second.Version)
	}
}

func (s *suite) followsRotation() {
	if s.origin.Rotate == nil {
		s.t.Skip("every Fetch is a login of its own")
	}
	c := s.fetch()
	for range 3 {
		s.origin.Rotate(s.t)
		c = s.awaitOther(c)
	}
}

func (s *suite) notifies() {
	n, ok := s.origin.Source.(source.Notifier)
	if !ok || s.origin.Rotate == nil {
		s.t.Skip("not a Notifier")
	}
	changed := n.Changed()
	c := s.fetch()
	for range 3 {
		s.origin.Rotate(s.t)
		select {
		case <-changed:
		case <-time.After(s.h.settle()):
			s.t.Fatalf("Changed was not closed within %v of a rotation", s.h.settle())
		}
		next := n.Changed()
		if next == changed {
			s.t.Fatal("Changed returned the closed channel again")
		}
		changed = next
		c = s.awaitOther(c)
	}
}

func (s *suite) survivesOutage() {
	if s.origin.Break == nil || s.origin.Repair == nil {
		s.t.Skip("the origin cannot be broken")
	}
	s.fetch()
	s.origin.Break(s.t)
	if s.h.ServesStale {
		s.fetch()
	} else {
		s.awaitError()
	}
	s.origin.Repair(s.t)
	var after source.Credential
	s.await("Fetch still fails after the origin was repaired", func() (err error) {
		after, err = s.try(s.t.Context())
		return err
	})
	if s.origin.Rotate != nil {
		s.origin.Rotate(s.t)
		s.awaitOther(after)
	}
}

func (s *suite) honoursContext() {
	s.fetch()
	ended, cancel := context.WithCancel(s.t.Context())
	cancel()
	s.wantPrompt(ended, context.Canceled)

	if s.origin.Stall == nil {
		return
	}
	resume := s.origin.Stall(s.t)
	defer resume()
	short, cancel := context.WithTimeout(s.t.Context(), 50*time.Millisecond)
	defer cancel()
	s.wantPrompt(short, context.DeadlineExceeded)

	hung, cancel := context.WithCancel(s.t.Context())
	defer context.AfterFunc(s.t.Context(), cancel)()
	time.AfterFunc(50*time.Millisecond, cancel)
	s.wantPrompt(hung, context.Canceled)
}

// wantPrompt fetches with a context that ends, or has ended.
func (s *suite) wantPrompt(ctx context.Context, want error) {
	s.t.Helper()
	start := time.Now()
	_, err := s.try(ctx)
	if took := time.Since(start); took > prompt {
		s.t.Errorf("Fetch took %v to notice that its context had ended", took)
	}
	if !errors.Is(err, want) {
		s.t.Errorf("Fetch with an ended context: error %v, want one that is %v", err, want)
	}
	if source.IsPermanent(err) {
		s.t.Errorf("Fetch with an ended context calls that permanent: %v", err)
	}
}

func (s *suite) standsConcurrency() {
	const callers, calls = 8, 20
	var group sync.WaitGroup
	start := s.fetch()
	for range callers {
		group.Go(func() {
			for range calls {
				if n, ok := s.origin.Source.(source.Notifier); ok {
					n.Changed()
				}
				if _, err := s.try(s.t.Context()); err != nil {
					s.t.Errorf("concurrent Fetch: %v", err)
				}
			}
		})
	}
	if s.origin.Rotate != nil {
		s.origin.Rotate(s.t)
	}
	group.Wait()
	if s.origin.Rotate != nil {
		s.awaitOther(start)
	}
}

func (s *suite) renews() {
	r, ok := s.origin.Source.(source.Renewer)
	if !ok {
		s.t.Skip("not a Renewer")
	}
	c := s.fetch()
	renewed, err := r.Renew(s.t.Context(), c)
	s.wantClean(err)
	if err != nil {
		s.t.Fatalf("Renew: %v", err)
	}
	s.note(renewed)
	if renewed.Version != c.Version || login(renewed) != login(c) {
		s.t.Error("Renew changed the login")
	}
	if renewed.ExpiresAt.Before(c.ExpiresAt) {
		s.t.Errorf("Renew moved ExpiresAt back from %v to %v", c.ExpiresAt, renewed.ExpiresAt)
	}
}

func (s *suite) namesAlternates() {
	a, ok := s.origin.Source.(source.Alternates)
	if !ok {
		s.t.Skip("no Alternates")
	}
	c := s.fetch()
	found, err := a.Alternates(s.t.Context(), c)
	s.wantClean(err)
	if err != nil {
		s.t.Fatalf("Alternates: %v", err)
	}
	for _, candidate := range found {
		s.note(candidate)
		if candidate.Version == c.Version {
			s.t.Error("Alternates names the credential that was refused")
		}
	}
}

func (s *suite) retires() {
	r, ok := s.origin.Source.(source.Retirer)
	if !ok {
		s.t.Skip("not a Retirer")
	}
	err := r.Retire(s.t.Context(), s.fetch())
	s.wantClean(err)
	if err != nil {
		s.t.Fatalf("Retire: %v", err)
	}
	s.fetch()
}

func (s *suite) closes() {
	if _, ok := s.origin.Source.(io.Closer); !ok {
		s.t.Skip("not an io.Closer")
	}
	s.fetch() // end does the rest
}

// end closes the source, twice, and looks at what is left.
func (s *suite) end(before map[string]string) {
	c, ok := s.origin.Source.(io.Closer)
	if !ok {
		s.wantQuietSource()
		return
	}
	for range 2 {
		err := c.Close()
		s.wantClean(err)
		if err != nil {
			s.t.Errorf("Close: %v", err)
		}
	}
	if _, err := s.try(s.t.Context()); err == nil && !s.h.ServesClosed {
		s.t.Error("Fetch after Close returned no error")
	}
	wantNoGoroutines(s.t, before, packageOf(s.origin.Source))
	s.wantQuietSource()
}

// wantQuietSource prints the Source itself. Only at the end: fmt reads fields without their locks.
func (s *suite) wantQuietSource() {
	s.t.Helper()
	text := fmt.Sprintf("%v\n%+v\n%#v", s.origin.Source, s.origin.Source, s.origin.Source)
	s.wantSilent("the printed Source", text, s.seen...)
}

// fetch is a Fetch that must succeed.
func (s *suite) fetch() source.Credential {
	s.t.Helper()
	c, err := s.try(s.t.Context())
	if err != nil {
		s.t.Fatalf("Fetch: %v", err)
	}
	return c
}

// try is a Fetch whose result is checked for what must always hold.
func (s *suite) try(ctx context.Context) (source.Credential, error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, s.h.settle())
	defer cancel()
	c, err := s.origin.Source.Fetch(ctx)
	s.wantClean(err)
	if err == nil {
		s.note(c)
	}
	return c, err
}

// note checks a credential and remembers it.
func (s *suite) note(c source.Credential) {
	s.t.Helper()
	if c.Username == "" || c.Version == "" {
		s.t.Errorf("credential without a Username (%q) or Version (%q)", c.Username, c.Version)
	}
	if !c.ExpiresAt.IsZero() && (c.ExpiresAt.Before(time.Now()) || c.ExpiresAt.Before(c.IssuedAt)) {
		s.t.Errorf("a credential that has expired: issued %v, expires %v", c.IssuedAt, c.ExpiresAt)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.logins[c.Version]
	if known && before != login(c) {
		s.t.Errorf("Version %q stands for two different logins", c.Version)
	}
	if known {
		return
	}
	s.logins[c.Version] = login(c)
	mine := newSecret(c)
	s.seen = append(s.seen, mine)
	s.wantSilent("a Version", c.Version, mine)
	s.wantSilent("a Credential", texts(c), mine)
}

// wantClean checks that an error, if there is one, tells nothing.
func (s *suite) wantClean(err error) {
	s.t.Helper()
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	text := texts(err)
	s.wantSilent("an error", text, s.seen...)
}

// wantSilent checks that text shows none of those secrets, nor one of the origin's.
func (s *suite) wantSilent(what, text string, secrets ...secret) {
	s.t.Helper()
	if s.origin.Secrets != nil {
		for _, plain := range s.origin.Secrets() {
			secrets = append(slices.Clip(secrets), secret{plain: plain})
		}
	}
	for _, secret := range secrets {
		if found := secret.in(text); found != "" {
			s.t.Errorf("%s shows %s", what, found) // not the text: it would go on from here
		}
	}
}

// texts is every way in which v is likely to be printed.
func texts(v any) string {
	text := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q", v, v, v, v, v)
	if err, ok := v.(error); ok {
		for err := errors.Unwrap(err); err != nil; err = errors.Unwrap(err) {
			text += fmt.Sprintf("\n%v\n%+v\n%#v", err, err, err)
		}
	}
	return text
}

// awaitOther waits until Fetch returns another login than c.
func (s *suite) awaitOther(c source.Credential) source.Credential {
	s.t.Helper()
	var got source.Credential
	s.await("Fetch does not follow the rotation", func() (err error) {
		if got, err = s.try(s.t.Context()); err != nil {
			return err
		}
		if got.Version == c.Version {
			return errors.New("the Version is the same")
		}
		return nil
	})
	if login(got) == login(c) {
		s.t.Error("the Version changed, the login did not")
	}
	return got
}

// awaitError waits until Fetch fails.
func (s *suite) awaitError() {
	s.t.Helper()
	s.await("Fetch does not say that the origin is broken", func() error {
		if _, err := s.try(s.t.Context()); err != nil {
			return nil
		}
		return errors.New("Fetch returned no error")
	})
}

// await tries until it works or the harness's time is over.
func (s *suite) await(complaint string, try func() error) {
	s.t.Helper()
	deadline := time.Now().Add(s.h.settle())
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s within %v: %v", complaint, s.h.settle(), err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// login is what must be equal where Versions are equal. It holds the password: compare it, never print it.
func login(c source.Credential) string {
	return fmt.Sprintf("%q %q %q %d %q", c.Username, c.Password.Reveal(), c.Host, c.Port, c.Database)
}

package source

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// errNoReturn is what callers get when the inner Fetch ended its goroutine instead of returning.
var errNoReturn = errors.New("source: Fetch did not return")

// Shared makes one credential serve several pools, such as those of a primary and its replicas. Without it,
// each pool's Fetch from a source of dynamic logins would create a login of its own.
//
//   - Fetches that come together are one fetch. It is detached from its callers: one that gives up leaves the
//     others their answer, and the fetch is cancelled when all of them have given up. At most one fetch that
//     somebody waits for is under way at a time.
//   - A credential is given again while it is fresh: during the first three quarters of the time until its
//     refresh is due. That is RefreshAfter or, without one, two thirds of the way from IssuedAt to ExpiresAt.
//     The last quarter is left out because pools spread their refreshes a little ahead of the due time, and
//     the first to ask must get something new, which is then fresh for the others. A credential with neither
//     time is shared by concurrent callers only, and none is given again after src announced a change.
//   - A fetch made with [WithForce] gets a kept credential only if the caller has not had it yet, which needs
//     [WithHolder]: then pools that were refused one after the other converge on one new login.
//   - Errors are not kept: the next Fetch asks again.
//
// The returned Source has exactly those optional abilities that src has: [Renewer], [Notifier], [Alternates],
// [Retirer] and io.Closer. A renewal by one pool moves the expiry that the others will be given. Retire
// reaches src once, when every holder that was given the Version has retired it; until then it returns nil.
// A holder that is given a Version again after retiring it has to retire it again. Callers without a holder
// are counted by hand-outs: one that fetches the same Version twice and retires it once leaves the login to
// its own expiry, which is safe, where the opposite mistake would not be. So it is with candidates that
// Alternates named and nobody retires. A Version that this Source did not give, or that has been retired
// already, is ignored.
//
// Closing it closes src; close it after all the pools.
func Shared(src Source) Source {
	s := &shared{inner: src}
	if n, ok := src.(Notifier); ok {
		s.changed = n.Changed
	}
	if _, ok := src.(Retirer); ok {
		s.leases = map[string]holders{}
	}
	return Compose(s, s.abilities(src))
}

// shared is what Shared returns, less the optional abilities.
type shared struct {
	inner   Source
	changed func() <-chan struct{} // nil where inner is no Notifier

	mu     sync.Mutex         // guards what follows; never held while inner works (Changed does not)
	kept   *kept              // the last credential that inner gave
	flight *flight            // the fetch under way that somebody waits for
	leases map[string]holders // by Version, who has yet to retire it; nil where inner is no Retirer
	flown  int                // how many fetches were started
	closed bool
}

// Fetch implements Source.
func (s *shared) Fetch(ctx context.Context) (Credential, error) {
	for {
		if err := ctx.Err(); err != nil {
			return Credential{}, err
		}
		s.mu.Lock()
		if c, ok := s.serve(ctx); ok {
			s.mu.Unlock()
			return c, nil
		}
		f, joined := s.join(ctx)
		s.mu.Unlock()

		select {
		case <-f.done:
		case <-ctx.Done():
			if !joined || s.leave(f, ctx) {
				return Credential{}, ctx.Err()
			}
		}
		if joined {
			return f.cred, f.err
		}
	}
}

// serve returns the kept credential if it suits the caller. Call it with mu held.
func (s *shared) serve(ctx context.Context) (Credential, bool) {
	if s.closed || s.kept == nil || !s.kept.fresh(time.Now()) {
		return Credential{}, false
	}
	if Forced(ctx) && !s.kept.newTo(Holder(ctx)) {
		return Credential{}, false
	}
	s.handOut(s.kept.cred.Version, Holder(ctx))
	return s.kept.cred, true
}

// join adds the caller to the fetch under way, or to a new one. It reports false if the caller must look
// again once that fetch is over, because its answer may be older than what the caller knows. Call it with mu
// held.
func (s *shared) join(ctx context.Context) (f *flight, joined bool) {
	f = s.flight
	if f == nil {
		f = s.launch(ctx)
	} else if (Forced(ctx) && !f.forced) || isClosed(f.changed) {
		return f, false
	}
	f.waiting[Holder(ctx)]++
	f.callers++
	return f, true
}

// launch starts a fetch. Call it with mu held.
func (s *shared) launch(ctx context.Context) *flight {
	detached, cancel := context.WithCancel(WithHolder(context.WithoutCancel(ctx), s))
	s.flown++
	f := &flight{
		number:  s.flown,
		forced:  Forced(ctx),
		cancel:  cancel,
		waiting: map[any]int{},
		done:    make(chan struct{}),
	}
	if s.changed != nil {
		f.changed = s.changed() // before the fetch, so that no change falls between the two
	}
	s.flight = f
	go s.fly(detached, f)
	return f
}

// fly makes the call that the flight's callers share.
func (s *shared) fly(ctx context.Context, f *flight) {
	defer f.cancel()
	cred, err := Credential{}, errNoReturn
	defer func() { s.land(f, cred, err) }()
	cred, err = s.inner.Fetch(ctx)
}

// land publishes what the flight brought. The hand-outs are noted here and not by the callers as they wake
// up: one of them could have retired the login before another was counted.
func (s *shared) land(f *flight, cred Credential, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.keep(f, cred)
	}
	if s.flight != f {
		return // its callers have gone; what it brought all the same is for those who come
	}
	s.flight = nil
	f.cred, f.err = cred, err
	if err == nil {
		for holder, n := range f.waiting {
			for range n {
				s.handOut(cred.Version, holder)
			}
		}
	}
	close(f.done)
}

// keep remembers cred, and still knows who had it if it is the one that was kept before. Call it with mu held.
func (s *shared) keep(f *flight, cred Credential) {
	if s.kept != nil && s.kept.flight > f.number {
		return // f was given up, and a later one was faster
	}
	k := &kept{flight: f.number, cred: cred, since: cred.IssuedAt, changed: f.changed, had: map[any]struct{}{}}
	if now := time.Now(); k.since.IsZero() || k.since.After(now) {
		k.since = now
	}
	if s.kept != nil && s.kept.cred.Version == cred.Version {
		k.had = s.kept.had
	}
	s.kept = k
}

// handOut notes that holder was given version. Call it with mu held.
func (s *shared) handOut(version string, holder any) {
	if s.kept != nil && s.kept.cred.Version == version {
		s.kept.had[holder] = struct{}{}
	}
	if s.leases == nil {
		return
	}
	if s.leases[version] == nil {
		s.leases[version] = holders{}
	}
	s.leases[version].add(holder)
}

// leave takes a caller off the flight, and ends the flight with its last caller. It reports false if the
// flight has landed already: its answer was counted as given, so the caller must take it.
func (s *shared) leave(f *flight, ctx context.Context) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(f.done) {
		return false
	}
	f.waiting[Holder(ctx)]--
	f.callers--
	if f.callers > 0 {
		return true
	}
	s.flight = nil
	f.cancel()
	close(f.done) // for those who wait without having joined
	return true
}

// renew is Renewer's Renew.
func (s *shared) renew(ctx context.Context, c Credential) (Credential, error) {
	renewed, err := s.inner.(Renewer).Renew(WithHolder(ctx, s), c)
	if err != nil {
		return renewed, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept; k != nil && k.cred.Version == renewed.Version && renewed.ExpiresAt.After(k.cred.ExpiresAt) {
		s.kept = &kept{flight: k.flight, cred: renewed, since: time.Now(), changed: k.changed, had: k.had}
	}
	return renewed, nil
}

// alternates is Alternates' Alternates. The candidates count as given.
func (s *shared) alternates(ctx context.Context, c Credential) ([]Credential, error) {
	found, err := s.inner.(Alternates).Alternates(WithHolder(ctx, s), c)
	if err != nil {
		return found, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, candidate := range found {
		s.handOut(candidate.Version, Holder(ctx))
	}
	return found, nil
}

// retire is Retirer's Retire.
func (s *shared) retire(ctx context.Context, c Credential) error {
	if !s.giveBack(c.Version, Holder(ctx)) {
		return nil
	}
	return s.inner.(Retirer).Retire(WithHolder(ctx, s), c)
}

// giveBack notes that holder has done with version and reports whether it was the last. A login that is about
// to be retired is forgotten under the same lock, so that nobody is given it any more.
func (s *shared) giveBack(version string, holder any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, known := s.leases[version]
	if !known {
		return false
	}
	left.remove(holder)
	if len(left) > 0 {
		return false
	}
	delete(s.leases, version)
	if s.kept != nil && s.kept.cred.Version == version {
		s.kept = nil
	}
	return true
}

// close is io.Closer's Close.
func (s *shared) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.inner.(io.Closer).Close()
}

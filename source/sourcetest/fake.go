package sourcetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// ErrRefused is what [Fake.Login] returns for a credential that its server would refuse.
var ErrRefused = errors.New("sourcetest: login refused")

// ErrClosed is what every call returns after the source was closed.
var ErrClosed = errors.New("sourcetest: source is closed")

// Fake is a scripted issuer. Its methods script it and tell what happened; what the code under test is given
// is its [Fake.Source]. Safe for concurrent use.
//
// Inside a testing/synctest bubble, make the Fake in the bubble too.
type Fake struct {
	source source.Source

	mu        sync.Mutex // guards what follows; never held while a call waits
	current   source.Credential
	mint      func() source.Credential
	candidate []source.Credential
	refused   map[string]bool // by Version
	changed   chan struct{}
	delay     time.Duration
	gate      chan struct{} // not nil: calls hang until it is closed
	closed    bool

	fetchFailure, renewFailure, retireFailure failure
	renewFor                                  time.Duration

	running, mostRunning int
	counts               Counts
	retired              []source.Credential
	renewed              []source.Credential
}

// Counts says how often each method of the source was called, failed calls included.
type Counts struct {
	Fetches    int
	Forced     int // those Fetches for which source.Forced was true
	Renewals   int
	Alternates int
	Retires    int
	Closes     int
}

// New returns a Fake whose current credential is initial. Its Source has the abilities named and no other.
func New(initial source.Credential, abilities ...Ability) *Fake {
	f := &Fake{current: initial, refused: map[string]bool{}, changed: make(chan struct{})}
	var all Ability
	for _, a := range abilities {
		all |= a
	}
	f.source = withAbilities(f, all)
	return f
}

// Source returns the scripted source, the same one at each call.
func (f *Fake) Source() source.Source { return f.source }

// Rotate makes c the current credential and tells those who wait on Changed.
func (f *Fake) Rotate(c source.Credential) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.mint = c, nil
	f.notify()
}

// RotateSilently makes c the current credential and tells nobody.
func (f *Fake) RotateSilently(c source.Credential) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current, f.mint = c, nil
}

// Notify tells those who wait on Changed, although nothing has changed.
func (f *Fake) Notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notify()
}

// Mint makes each Fetch that succeeds issue a credential of its own, as a source of dynamic logins does: the
// one that next returns, called with 1, 2 and so on, one call at a time. next must not call the Fake. Rotate
// ends it.
func (f *Fake) Mint(next func(n int) source.Credential) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	f.mint = func() source.Credential { n++; return next(n) }
}

// Expire ends the current credential now: its ExpiresAt becomes the present.
func (f *Fake) Expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.current.ExpiresAt = time.Now()
}

// FailNext makes the next n Fetches return err, and with a negative n all of them until FailNext is called
// again; n of 0 repairs the source.
func (f *Fake) FailNext(n int, err error) { f.fail(&f.fetchFailure, n, err) }

// FailNextRenew is FailNext for Renew.
func (f *Fake) FailNextRenew(n int, err error) { f.fail(&f.renewFailure, n, err) }

// FailNextRetire is FailNext for Retire. A Retire that fails is counted, and not listed by Retired.
func (f *Fake) FailNextRetire(n int, err error) { f.fail(&f.retireFailure, n, err) }

// Delay makes every Fetch, Renew, Alternates and Retire take d, or until its context ends. Defaults to 0.
func (f *Fake) Delay(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delay = d
}

// Hang makes every Fetch, Renew, Alternates and Retire that begins from now on wait until release is called or
// its context ends. release may be called more than once; Hang called again keeps to the first one's hold.
func (f *Fake) Hang() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gate == nil {
		f.gate = make(chan struct{})
	}
	gate := f.gate
	return func() { f.release(gate) }
}

// RenewFor makes each Renew move ExpiresAt to d from then, and clear RefreshAfter. Defaults to 0: the issuer
// grants nothing, and Renew returns what it was given.
func (f *Fake) RenewFor(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.renewFor = d
}

// SetAlternates sets what Alternates returns.
func (f *Fake) SetAlternates(candidates ...source.Credential) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.candidate = append([]source.Credential(nil), candidates...)
}

// Refuse makes Login refuse this Version.
func (f *Fake) Refuse(version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused[version] = true
}

// Accept undoes Refuse.
func (f *Fake) Accept(version string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.refused, version)
}

// Login plays the database server: it returns [ErrRefused] for a Version that was refused by Refuse or has
// been retired, and for a credential past its ExpiresAt. It has the shape of an engine's verify function.
func (f *Fake) Login(ctx context.Context, c source.Credential) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refused[c.Version] || (!c.ExpiresAt.IsZero() && !time.Now().Before(c.ExpiresAt)) {
		return ErrRefused
	}
	for _, r := range f.retired {
		if r.Version == c.Version {
			return ErrRefused
		}
	}
	return nil
}

// Counts returns how often the source was called so far.
func (f *Fake) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// Fetches returns how often Fetch was called so far.
func (f *Fake) Fetches() int { return f.Counts().Fetches }

// Renewals returns the credentials that Renew was called with and did not fail, in order.
func (f *Fake) Renewals() []source.Credential {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]source.Credential(nil), f.renewed...)
}

// Retired returns the credentials that were retired, in order.
func (f *Fake) Retired() []source.Credential {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]source.Credential(nil), f.retired...)
}

// Running returns how many Fetches are under way.
func (f *Fake) Running() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running
}

// MostRunning returns how many Fetches have been under way at the same time at most.
func (f *Fake) MostRunning() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mostRunning
}

// Closed reports whether the source was closed.
func (f *Fake) Closed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

func (f *Fake) fetch(ctx context.Context) (source.Credential, error) {
	f.mu.Lock()
	f.counts.Fetches++
	if source.Forced(ctx) {
		f.counts.Forced++
	}
	f.running++
	f.mostRunning = max(f.mostRunning, f.running)
	f.mu.Unlock()

	err := f.take(ctx)

	f.mu.Lock()
	defer f.mu.Unlock()
	f.running--
	if err = f.outcome(err, &f.fetchFailure); err != nil {
		return source.Credential{}, err
	}
	if f.mint != nil {
		f.current = f.mint()
	}
	return f.current, nil
}

func (f *Fake) renew(ctx context.Context, c source.Credential) (source.Credential, error) {
	f.mu.Lock()
	f.counts.Renewals++
	f.mu.Unlock()

	err := f.take(ctx)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err = f.outcome(err, &f.renewFailure); err != nil {
		return source.Credential{}, err
	}
	f.renewed = append(f.renewed, c)
	if f.renewFor > 0 {
		c.ExpiresAt = time.Now().Add(f.renewFor)
		c.RefreshAfter = time.Time{}
		if c.Version == f.current.Version {
			f.current = c
		}
	}
	return c, nil
}

func (f *Fake) changes() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

func (f *Fake) alternates(ctx context.Context, _ source.Credential) ([]source.Credential, error) {
	f.mu.Lock()
	f.counts.Alternates++
	f.mu.Unlock()

	err := f.take(ctx)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err = f.outcome(err, nil); err != nil {
		return nil, err
	}
	return append([]source.Credential(nil), f.candidate...), nil
}

func (f *Fake) retire(ctx context.Context, c source.Credential) error {
	f.mu.Lock()
	f.counts.Retires++
	f.mu.Unlock()

	err := f.take(ctx)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err = f.outcome(err, &f.retireFailure); err != nil {
		return err
	}
	f.retired = append(f.retired, c)
	return nil
}

func (f *Fake) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Closes++
	f.closed = true
	return nil
}

// take spends the time that the script gives to a call.
func (f *Fake) take(ctx context.Context) error {
	f.mu.Lock()
	delay, gate := f.delay, f.gate
	f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// outcome is the error a call ends with: its context's, the closed source's, or the scripted one. Call it with
// mu held.
func (f *Fake) outcome(err error, scripted *failure) error {
	if err != nil {
		return err
	}
	if f.closed {
		return ErrClosed
	}
	if scripted == nil {
		return nil
	}
	return scripted.next()
}

// notify closes the channel that Changed gave, and makes another. Call it with mu held.
func (f *Fake) notify() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *Fake) fail(target *failure, n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*target = failure{left: n, err: err}
}

func (f *Fake) release(gate chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.gate == gate {
		f.gate = nil
		close(gate)
	}
}

// failure is an error for the next so many calls.
type failure struct {
	left int // negative: no end
	err  error
}

func (s *failure) next() error {
	if s.left == 0 {
		return nil
	}
	if s.left > 0 {
		s.left--
	}
	return s.err
}

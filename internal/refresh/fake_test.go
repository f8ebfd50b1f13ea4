package refresh

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/source"
)

// fakeSource is a source that does what its functions say, and counts. Its functions are set before the engine
// starts, or under mu.
type fakeSource struct {
	mu         sync.Mutex
	fetch      func(ctx context.Context, n int) (source.Credential, error) // n counts from 1
	renew      func(ctx context.Context, c source.Credential) (source.Credential, error)
	alternates []source.Credential
	retire     func(ctx context.Context, c source.Credential) error
	changed    chan struct{}

	running int
	counts  tally
}

// tally is what a source has been asked for.
type tally struct {
	fetches, renewals int
	forced            int // of the fetches
	mostRunning       int
	times             []time.Time // of the fetches
	holders           []any
	retired           []string
}

// bare is a source without any further ability; full has them all.
type (
	bare struct{ f *fakeSource }
	full struct{ bare }
)

func (s bare) Fetch(ctx context.Context) (source.Credential, error) {
	s.f.mu.Lock()
	s.f.counts.fetches++
	n := s.f.counts.fetches
	s.f.counts.times = append(s.f.counts.times, time.Now())
	if source.Forced(ctx) {
		s.f.counts.forced++
	}
	fetch := s.f.fetch
	s.f.mu.Unlock()
	defer s.f.call(ctx)()
	return fetch(ctx, n)
}

func (s full) Renew(ctx context.Context, c source.Credential) (source.Credential, error) {
	s.f.mu.Lock()
	s.f.counts.renewals++
	renew := s.f.renew
	s.f.mu.Unlock()
	defer s.f.call(ctx)()
	if renew == nil {
		return c, nil
	}
	return renew(ctx, c)
}

func (s full) Alternates(ctx context.Context, _ source.Credential) ([]source.Credential, error) {
	defer s.f.call(ctx)()
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	return s.f.alternates, nil
}

func (s full) Retire(ctx context.Context, c source.Credential) error {
	s.f.mu.Lock()
	s.f.counts.retired = append(s.f.counts.retired, c.Version)
	s.f.counts.holders = append(s.f.counts.holders, source.Holder(ctx))
	retire := s.f.retire
	s.f.mu.Unlock()
	if retire == nil {
		return nil
	}
	return retire(ctx, c)
}

func (s full) Changed() <-chan struct{} {
	s.f.mu.Lock()
	defer s.f.mu.Unlock()
	if s.f.changed == nil {
		s.f.changed = make(chan struct{})
	}
	return s.f.changed
}

// call counts a call that is under way; what it returns ends it.
func (f *fakeSource) call(ctx context.Context) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running++
	f.counts.mostRunning = max(f.counts.mostRunning, f.running)
	f.counts.holders = append(f.counts.holders, source.Holder(ctx))
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.running--
	}
}

// notify says that something has changed.
func (f *fakeSource) notify() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.changed)
	f.changed = make(chan struct{})
}

// tally returns what was asked for so far.
func (f *fakeSource) tally() tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.counts
	out.times, out.holders, out.retired = slices.Clone(out.times), slices.Clone(out.holders), slices.Clone(out.retired)
	return out
}

// count returns how many fetches there were.
func (f *fakeSource) count() int { return f.tally().fetches }

// say makes the source return c from now on.
func (f *fakeSource) say(c source.Credential, err error) {
	f.do(func(context.Context, int) (source.Credential, error) { return c, err })
}

// do makes fetch the source's answer from now on.
func (f *fakeSource) do(fetch func(context.Context, int) (source.Credential, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetch = fetch
}

// script changes the other things that the source does.
func (f *fakeSource) script(change func(f *fakeSource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change(f)
}

// hang is a fetch that lasts as long as it may.
func hang(ctx context.Context, _ int) (source.Credential, error) {
	<-ctx.Done()
	return source.Credential{}, ctx.Err()
}

// mint is a fetch that makes a login of its own, with the given life.
func mint(life time.Duration) func(context.Context, int) (source.Credential, error) {
	return func(_ context.Context, n int) (source.Credential, error) {
		c := static(fmt.Sprint("v", n))
		c.IssuedAt = time.Now()
		if life > 0 {
			c.ExpiresAt = c.IssuedAt.Add(life)
		}
		return c, nil
	}
}

// fakeTarget is a pool that does nothing but remember what it was told.
type fakeTarget struct {
	mu     sync.Mutex
	verify func(ctx context.Context, c source.Credential) error // nil: every login works
	inUse  []*Generation                                        // what Verify was told
	told   []string
	logins []time.Time
}

func (p *fakeTarget) Verify(ctx context.Context, c source.Credential, inUse *Generation) error {
	p.mu.Lock()
	p.inUse = append(p.inUse, inUse)
	p.logins = append(p.logins, time.Now())
	verify := p.verify
	p.mu.Unlock()
	if verify == nil {
		return nil
	}
	return verify(ctx, c)
}

func (p *fakeTarget) Publish(g *Generation) { p.hear(publish{g}) }
func (p *fakeTarget) Extend(g *Generation)  { p.hear(extend{g}) }
func (p *fakeTarget) Expire(g *Generation)  { p.hear(expire{g}) }
func (p *fakeTarget) Distrust(g *Generation, revoked bool) {
	p.hear(suspect{g, revoked})
}

func (p *fakeTarget) hear(c command) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told = append(p.told, renderOne(c))
}

// heard returns what the target was told, as a script writes it.
func (p *fakeTarget) heard() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.told, ", ")
}

// accept sets what becomes of logins.
func (p *fakeTarget) accept(verify func(context.Context, source.Credential) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.verify = verify
}

func (p *fakeTarget) countLogins() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.logins)
}

// refuses is a server that refuses some versions, in the given class.
func refuses(class rekey.VerifyClass, versions ...string) func(context.Context, source.Credential) error {
	return func(_ context.Context, c source.Credential) error {
		if slices.Contains(versions, c.Version) {
			err := verifyFailure(class)
			err.Version = c.Version
			return err
		}
		return nil
	}
}

// rig is an engine between a fake source and a fake target.
type rig struct {
	*Engine
	t      *testing.T
	source *fakeSource
	target *fakeTarget

	mu     sync.Mutex
	events []rekey.Event
}

// newRig makes a rig whose source has all abilities, unless a tweak sets another.
func newRig(t *testing.T, fetch func(context.Context, int) (source.Credential, error), tweaks ...func(*Config)) *rig {
	r := &rig{t: t, source: &fakeSource{fetch: fetch}, target: &fakeTarget{}}
	config := Config{
		Source: full{bare{r.source}}, Target: r.target, Policy: polled,
		FetchTimeout: 10 * time.Second, VerifyTimeout: 5 * time.Second, MaxHold: 5 * time.Second,
		BreakerFailures: 5, BreakerOpen: 30 * time.Second,
		OnEvent: r.hear,
	}
	for _, tweak := range tweaks {
		tweak(&config)
	}
	if _, ok := config.Source.(bare); ok {
		config.Source = bare{r.source}
	}
	r.Engine = New(config)
	return r
}

// plain takes all abilities from a rig's source.
func plain(c *Config) { c.Source = bare{} }

// withMaxHold changes how long callers are held.
func withMaxHold(d time.Duration) func(*Config) { return func(c *Config) { c.MaxHold = d } }

func (r *rig) hear(e rekey.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// said returns the events so far.
func (r *rig) said() []rekey.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// names returns the names of the events so far.
func (r *rig) names() string {
	var names []string
	for _, e := range r.said() {
		names = append(names, e.Name())
	}
	return strings.Join(names, ", ")
}

// up starts the engine, waits for its first credential, and stops it when the test ends.
func (r *rig) up() *rig {
	r.t.Helper()
	r.begin()
	if err := r.Ready(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	synctest.Wait()
	return r
}

// begin starts the engine and stops it when the test ends.
func (r *rig) begin() {
	r.Start()
	r.t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			r.t.Error(err)
		}
	})
}

// login asserts that connections are made with the given version.
func (r *rig) login(version string) {
	r.t.Helper()
	g, err := r.Login(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if g.Credential.Version != version {
		r.t.Fatalf("login with %s, want %s", g.Credential.Version, version)
	}
}

// loginFails asserts that there is no login, for all of the given reasons, and returns after how long that
// was clear.
func (r *rig) loginFails(ctx context.Context, want ...error) time.Duration {
	r.t.Helper()
	begin := time.Now()
	g, err := r.Login(ctx)
	if err == nil {
		r.t.Fatalf("login with %s, want an error", g.Credential.Version)
	}
	checkErr(r.t, err, want...)
	return time.Since(begin)
}

// refuse reports that the server refused the login in use.
func (r *rig) refuse(class rekey.VerifyClass) {
	r.Refused(r.View().Current, verifyFailure(class))
}

// bubble runs a test in a synctest bubble.
func bubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// settle lets everything that can happen now happen.
func settle() { synctest.Wait() }

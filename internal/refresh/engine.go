// Package refresh keeps a pool supplied with a login: it fetches, verifies, publishes and retires
// credentials, and knows no driver. What to do is decided by a pure machine (machine.go); this file is the
// goroutine that carries it out.
package refresh

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/leasetimer"
	"github.com/rekeyhq/rekey/source"
)

// tickInterval is how often wall clocks are compared: timers stop while a machine sleeps, leases do not. All pools of a
// process do so at once, at the full second, because to wake a process that sleeps costs more than all their
// comparisons (docs/decisions/0019-profiles.md).
const tickInterval = time.Second

// untilTick is how long it is until the next full second.
func untilTick(now time.Time) time.Duration {
	return tickInterval - time.Duration(now.UnixNano())%tickInterval
}

// Engine runs one pool's refreshes. Its methods are safe for concurrent use.
type Engine struct {
	config  Config
	machine *machine // belongs to run
	breaker *breaker // belongs to run
	stamp   fingerprint

	view    atomic.Pointer[View]
	inputs  chan envelope
	drained chan drainage

	stop context.CancelFunc
	ctx  context.Context // ends operations under way
	over chan struct{}   // run takes no more inputs
	done chan struct{}   // run has returned
	ops  sync.WaitGroup  // operations under way

	retiring     sync.WaitGroup  // credentials that are being given back, which run outlives
	retiringCtx  context.Context // theirs
	stopRetiring context.CancelFunc
	lateMu       sync.Mutex           // guards late
	late         []rekey.RetiredEvent // of those that run did not live to tell

	begin    sync.Once // Start, or a Stop before it
	held     *ledger
	fetchErr error // why the source failed last; belongs to the operation under way
	round    round // belongs to run
}

// envelope is an input on its way to the engine's goroutine. Once it took effect, handled, if any, is sent the
// number of the round that answers it.
type envelope struct {
	input   input
	handled chan uint64
}

// told is an event that an operation beside the loop wants in its place among the others.
type told struct{ event rekey.Event }

func (told) isInput() {}

// drainage is the end of a generation.
type drainage struct {
	generation *Generation
	cancelled  int
	took       time.Duration
	empty      bool
}

// New makes an engine that does nothing yet.
func New(config Config) *Engine {
	_, canRenew := config.Source.(source.Renewer)
	_, canAlternates := config.Source.(source.Alternates)
	e := &Engine{
		config:  config,
		machine: newMachine(config.Policy, canRenew, canAlternates),
		breaker: newBreaker(config.BreakerFailures, config.BreakerOpen),
		stamp:   newFingerprint(),
		inputs:  make(chan envelope),
		drained: make(chan drainage),
		over:    make(chan struct{}),
		done:    make(chan struct{}),
		held:    newLedger(),
	}
	e.machine.preferRenew = config.PreferRenew
	if e.config.Random == nil {
		e.config.Random = rand.Float64
	}
	e.ctx, e.stop = context.WithCancel(source.WithHolder(context.Background(), e))
	e.retiringCtx, e.stopRetiring = context.WithCancel(source.WithHolder(context.Background(), e))
	e.view.Store(viewOf(e.machine, false, e.breaker.state()))
	return e
}

// Start begins the first refresh. Stop ends what Start began.
func (e *Engine) Start() { e.begin.Do(func() { go e.run() }) }

// Stop ends the engine's goroutine and whatever it has under way, and waits for them as long as ctx allows.
// Callers who wait for a login get rekey.ErrClosed. It may be called again, and before Start, which then does
// nothing.
func (e *Engine) Stop(ctx context.Context) error {
	e.Cancel()
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("rekey: the source did not return in time: %w", ctx.Err())
	}
}

// Cancel is Stop without waiting.
func (e *Engine) Cancel() {
	e.stop()
	e.begin.Do(func() {
		e.publishView(true)
		close(e.over)
		close(e.done)
	})
}

// View returns the newest snapshot.
func (e *Engine) View() *View { return e.view.Load() }

// Ready waits for the first credential to be adopted. It gives up at once on an error that waiting cannot
// cure, and else when ctx ends or after MaxHold.
func (e *Engine) Ready(ctx context.Context) error {
	_, err := e.await(ctx, func(v *View) bool { return v.Current != nil })
	return err
}

// Login returns the generation to connect with. While there is none and one may come, it waits, within ctx
// and MaxHold.
func (e *Engine) Login(ctx context.Context) (*Generation, error) {
	if v := e.View(); v.Current != nil && v.Refused == nil && !v.Expired && !v.Closed {
		return v.Current, nil
	}
	return e.await(ctx, func(v *View) bool { return false })
}

// await waits until a login is there, or enough says so, or waiting is of no use.
func (e *Engine) await(ctx context.Context, enough func(*View) bool) (*Generation, error) {
	limit := time.NewTimer(e.config.MaxHold)
	defer limit.Stop()
	for {
		v := e.View()
		g, err := v.login()
		if err == nil || v.Closed || !v.holds(e.config.MaxHold) && !enough(v) {
			return g, err
		}
		if enough(v) {
			return v.Current, nil
		}
		select {
		case <-v.Changed:
		case <-limit.C:
			return nil, err
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// Refused reports that the server refused a login made with g, for its password or because the role may not
// log in. It returns once callers of Login wait for the cure.
func (e *Engine) Refused(g *Generation, err *rekey.VerifyError) {
	e.post(distrust{generation: g.ID, err: err}, true)
}

// Revoked reports that a connection of g was found to have lost its role.
func (e *Engine) Revoked(g *Generation, err *rekey.VerifyError) {
	e.post(distrust{generation: g.ID, err: err, revoked: true}, false)
}

// Drained reports that no connection of g is left. It must not be called from a method of Target.
func (e *Engine) Drained(g *Generation, cancelled int, took time.Duration) {
	e.end(drainage{generation: g, cancelled: cancelled, took: took})
}

// Emptied is Drained for a generation that had no connection to drain.
func (e *Engine) Emptied(g *Generation) { e.end(drainage{generation: g, empty: true}) }

func (e *Engine) end(d drainage) {
	select {
	case e.drained <- d:
	case <-e.ctx.Done():
	}
}

// Ask asks the source now. It does not wait for the answer.
func (e *Engine) Ask() { e.post(ask{force: true, fresh: true}, false) }

// Refresh asks the source now and waits until the refresh has come to an end.
func (e *Engine) Refresh(ctx context.Context) error {
	handled := make(chan uint64, 1)
	select {
	case e.inputs <- envelope{ask{force: true, fresh: true}, handled}:
	case <-e.ctx.Done():
		return rekey.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case round := <-handled:
		return e.awaitRound(ctx, round)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitRound waits for the end of a refresh.
func (e *Engine) awaitRound(ctx context.Context, round uint64) error {
	for {
		v := e.View()
		if v.rounds >= round {
			return v.roundErr
		}
		if v.Closed {
			return rekey.ErrClosed
		}
		select {
		case <-v.Changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// post hands an input to the engine's goroutine and, if asked to, waits until it took effect.
func (e *Engine) post(in input, wait bool) {
	letter := envelope{input: in}
	if wait {
		letter.handled = make(chan uint64, 1)
	}
	select {
	case e.inputs <- letter:
		if wait {
			<-letter.handled
		}
	case <-e.ctx.Done():
	}
}

// run is the engine's goroutine.
func (e *Engine) run() {
	defer close(e.done)
	defer e.ops.Wait()
	defer close(e.over)
	defer e.publishView(true)
	defer e.keepCandidate()

	timer := leasetimer.NewTimer()
	defer timer.Stop()
	ticker := time.NewTimer(untilTick(time.Now()))
	defer ticker.Stop()
	changed := e.changes()

	e.handle(ask{})
	for {
		timer.Set(e.machine.wake())
		select {
		case <-e.ctx.Done():
			return
		case letter := <-e.inputs:
			e.handle(letter.input)
			if letter.handled != nil {
				letter.handled <- e.machine.answeringRound()
			}
		case d := <-e.drained:
			e.drainedOf(d)
		case <-changed:
			changed = e.changes()
			e.handle(ask{force: true}) // not fresh: the source knows itself that what it keeps is old
		case <-timer.C():
			timer.Set(time.Time{})
			e.handle(tick{})
		case <-ticker.C:
			e.wallClock(timer)
			ticker.Reset(untilTick(time.Now()))
		}
	}
}

// wallClock lets the machine see a time that the timer slept through, and a clock that was set back. A breaker that is
// no longer open shows.
func (e *Engine) wallClock(timer *leasetimer.Timer) {
	now := time.Now()
	e.machine.follow(now)
	if e.breaker.state() != e.View().Breaker {
		e.tellBreaker(e.publishView(false))
	}
	if timer.Due(now) {
		timer.Set(time.Time{})
		e.handle(tick{})
	}
}

// changes returns the channel of the source's next change, nil if the source does not tell.
func (e *Engine) changes() <-chan struct{} {
	if n, ok := e.config.Source.(source.Notifier); ok {
		return n.Changed()
	}
	return nil
}

// handle steps the machine and does what it wants: first what changes the pool, then, with a snapshot
// published that says so, what others are told and what is started.
func (e *Engine) handle(in input) {
	if t, ok := in.(told); ok {
		e.emit(t.event)
		return
	}
	before := e.machine.rounds
	commands := e.machine.step(in, time.Now(), e.config.Random())
	for _, c := range commands {
		e.change(c)
	}
	old := e.publishView(false)
	for _, c := range commands {
		e.carryOut(c)
	}
	e.tellBreaker(old)
	if e.machine.rounds != before {
		e.tellRound()
	}
	e.followRound(in)
}

// publishView returns the snapshot before the one that it publishes.
func (e *Engine) publishView(closed bool) *View {
	next := viewOf(e.machine, closed, e.breaker.state())
	old := e.view.Swap(next)
	close(old.changed)
	return old
}

// tellBreaker tells of a breaker that has changed since old.
func (e *Engine) tellBreaker(old *View) {
	if now := e.View().Breaker; now != old.Breaker {
		e.emit(rekey.BreakerEvent{From: old.Breaker, To: now})
	}
}

// change carries out the commands that change what the pool works with.
func (e *Engine) change(c command) {
	switch c := c.(type) {
	case publish:
		e.adopted(c.generation)
		e.config.Target.Publish(c.generation)
	case extend:
		e.adopted(c.generation)
		e.config.Target.Extend(c.generation)
	case expire:
		e.config.Target.Expire(c.generation)
	case suspect:
		e.config.Target.Distrust(c.generation, c.revoked)
	}
}

// carryOut does the rest.
func (e *Engine) carryOut(c command) {
	switch c := c.(type) {
	case fetch:
		circuit := e.breaker.circuit
		if c.force {
			circuit = nil
		}
		e.start(func(ctx context.Context) input { return e.fetch(ctx, circuit, c.fresh) })
	case renew:
		e.start(func(ctx context.Context) input { return e.renew(ctx, c) })
	case alternates:
		e.start(func(ctx context.Context) input { return e.alternates(ctx, c.refused) })
	case verify:
		inUse := e.machine.current
		e.start(func(ctx context.Context) input { return e.verify(ctx, c.credential, inUse) })
	case retire:
		if !e.held.uses(c.credential.Version) { // else its generation is not drained yet, and has a say
			e.retireLater(c.credential, source.Refused)
		}
	case emit:
		e.round.note(c.event)
		e.emit(c.event)
	}
}

// adopted keeps count of what must be given back, and fits the breaker to the new slack.
func (e *Engine) adopted(g *Generation) {
	e.held.adopted(g)
	e.breaker.fit(e.config.Policy.Slack(g.Credential))
}

func (e *Engine) emit(event rekey.Event) {
	if e.config.OnEvent != nil {
		e.config.OnEvent(event)
	}
}

// Tell hands an event of the pool to the handler, in its place among the engine's own. It must not be called from a
// method of Target.
func (e *Engine) Tell(event rekey.Event) { e.post(told{event}, false) }

// start runs an operation beside the loop; its result comes back as an input.
func (e *Engine) start(operation func(context.Context) input) {
	e.ops.Go(func() {
		result := operation(e.ctx)
		select {
		case e.inputs <- envelope{input: result}:
		case <-e.ctx.Done():
			e.keepUnseen(result)
		}
	})
}

// keepUnseen notes a credential that arrived when nobody was left to take it.
func (e *Engine) keepUnseen(result input) {
	if in, ok := result.(fetched); ok && in.err == nil && !e.held.uses(in.credential.Version) {
		e.held.leaving(in.credential)
	}
}

// keepCandidate notes the credential that the engine stops with on its way to be adopted.
func (e *Engine) keepCandidate() {
	c := e.machine.candidate
	if c != nil && !c.alternate && !e.held.uses(c.credential.Version) {
		e.held.leaving(c.credential)
	}
}

// fetch asks the source, through the circuit breaker unless there is none. fresh is for what no cache holds.
func (e *Engine) fetch(ctx context.Context, circuit *circuit, fresh bool) input {
	ctx, cancel := context.WithTimeout(ctx, e.fetchTimeout())
	defer cancel()
	if fresh {
		ctx = source.WithForce(ctx)
	}
	asked := time.Now()
	c, unasked, err := e.askSource(ctx, circuit)
	in := fetched{forced: fresh, took: time.Since(asked)}
	if err != nil {
		in.err = fetchError("fetch", err)
		in.err.Unasked = unasked
		return in
	}
	in.credential = e.normal(c, asked)
	return in
}

// askSource remembers why the source failed: a breaker that is open tells nothing. It says whether that was so.
func (e *Engine) askSource(ctx context.Context, circuit *circuit) (c source.Credential, unasked bool, err error) {
	asked := false
	fetch := func() (c source.Credential, err error) {
		asked = true
		c, err = e.config.Source.Fetch(ctx)
		e.fetchErr = err
		return c, err
	}
	if circuit == nil {
		c, err = fetch()
		return c, false, err
	}
	c, err = circuit.Execute(fetch)
	if !asked && e.fetchErr != nil {
		err = fmt.Errorf("%w, after: %w", err, e.fetchErr)
	}
	return c, !asked, err
}

func (e *Engine) renew(ctx context.Context, what renew) input {
	ctx, cancel := context.WithTimeout(ctx, e.fetchTimeout())
	defer cancel()
	asked := time.Now()
	r, err := e.config.Source.(source.Renewer).Renew(ctx, what.credential)
	in := renewed{preferred: what.preferred, took: time.Since(asked)}
	if err != nil {
		in.err = fetchError("renew", err)
		return in
	}
	in.credential = e.normal(r, asked)
	return in
}

func (e *Engine) alternates(ctx context.Context, c source.Credential) input {
	ctx, cancel := context.WithTimeout(ctx, e.fetchTimeout())
	defer cancel()
	asked := time.Now()
	list, err := e.config.Source.(source.Alternates).Alternates(ctx, c)
	in := alternated{took: time.Since(asked)}
	if err != nil {
		in.err = fetchError("alternates", err)
		return in
	}
	for _, c := range list {
		in.candidates = append(in.candidates, e.normal(c, asked))
	}
	return in
}

func (e *Engine) verify(ctx context.Context, c source.Credential, inUse *Generation) input {
	ctx, cancel := context.WithTimeout(ctx, e.config.VerifyTimeout)
	defer cancel()
	began := time.Now()
	err := e.config.Target.Verify(ctx, c, inUse)
	return verified{err: verifyError(c.Version, err), took: time.Since(began)}
}

// fetchTimeout leaves time for another attempt before the credential in use ends. Where there is no login that works, a
// source that is slow is given more.
func (e *Engine) fetchTimeout() time.Duration {
	v := e.View()
	g := v.Current
	if g == nil || g.NotAfter.IsZero() {
		return e.config.FetchTimeout
	}
	left := e.config.Policy.Slack(g.Credential)
	if until := time.Until(g.NotAfter); until > 0 {
		left = min(left, until)
	}
	least := minFetchTimeout
	if v.Expired || v.Refused != nil {
		least = patientFetchTimeout
	}
	return min(e.config.FetchTimeout, max(least, left/3))
}

const (
	// minFetchTimeout is what a source is given however short a lease is.
	minFetchTimeout = 250 * time.Millisecond
	// patientFetchTimeout is the same while no login works.
	patientFetchTimeout = 5 * time.Second
)

// normal fills in what a source may leave out.
func (e *Engine) normal(c source.Credential, asked time.Time) source.Credential {
	if c.IssuedAt.IsZero() {
		c.IssuedAt = asked.Round(0)
	}
	if c.Version == "" {
		c.Version = e.stamp.of(c)
	}
	return c
}

// drainedOf ends a generation: it is told, and the credential is given back unless a later generation uses
// the same one.
func (e *Engine) drainedOf(d drainage) {
	e.emit(rekey.DrainedEvent{
		Generation: d.generation.ID, Version: d.generation.Credential.Version,
		Cancelled: d.cancelled, Duration: d.took, Empty: d.empty,
	})
	c, ok := e.held.drained(d.generation.ID)
	switch {
	case !ok:
	case e.onItsWay(c.Version):
		e.held.leaving(c) // what comes of it decides; RetireAll sees to it in the end
	default:
		e.retireLater(c, source.Drained)
	}
}

// onItsWay reports whether a version is about to be adopted, once more.
func (e *Engine) onItsWay(version string) bool {
	c := e.machine.candidate
	return c != nil && c.credential.Version == version
}

// retireLater gives a credential back beside the loop. RetireAll waits for what has not come to its end when the engine
// stops.
func (e *Engine) retireLater(c source.Credential, reason source.Reason) {
	if _, ok := e.config.Source.(source.Retirer); !ok {
		return
	}
	e.retiring.Go(func() {
		ctx, cancel := context.WithTimeout(e.retiringCtx, e.config.FetchTimeout)
		defer cancel()
		event := e.retire(source.WithRetireReason(ctx, reason), c)
		select {
		case e.inputs <- envelope{input: told{event}}:
		case <-e.over:
			e.lateMu.Lock()
			defer e.lateMu.Unlock()
			e.late = append(e.late, event)
		}
	})
}

// awaitRetiring waits for what is being given back, and tells how that went. What takes longer than ctx is cut short.
func (e *Engine) awaitRetiring(ctx context.Context) (errs []error) {
	stop := context.AfterFunc(ctx, e.stopRetiring)
	defer stop()
	e.retiring.Wait()
	e.lateMu.Lock()
	late := e.late
	e.late = nil
	e.lateMu.Unlock()
	for _, event := range late {
		errs = append(errs, e.toldLate(event))
	}
	return errs
}

func (e *Engine) toldLate(event rekey.RetiredEvent) error {
	e.emit(event)
	if event.Err == nil {
		return nil
	}
	return event.Err
}

// Abandon cuts short what is being given back, where RetireAll is not called.
func (e *Engine) Abandon() { e.stopRetiring() }

// retire gives one credential back and says how that went.
func (e *Engine) retire(ctx context.Context, c source.Credential) rekey.RetiredEvent {
	event := rekey.RetiredEvent{Version: c.Version}
	if err := e.config.Source.(source.Retirer).Retire(source.WithHolder(ctx, e), c); err != nil {
		event.Err = fetchError("retire", err)
	}
	return event
}

// RetireAll gives back every credential that is still held, the one in use included, and those that the engine was about
// to adopt when it stopped; then it waits for what is being given back already. It is called after Stop, once no
// connection is left.
func (e *Engine) RetireAll(ctx context.Context) error {
	if _, ok := e.config.Source.(source.Retirer); !ok {
		return nil
	}
	defer e.stopRetiring()
	var errs []error
	for _, c := range e.held.takeAll() {
		errs = append(errs, e.toldLate(e.retire(source.WithRetireReason(ctx, source.Closed), c)))
	}
	return errors.Join(append(errs, e.awaitRetiring(ctx)...)...)
}

func fetchError(op string, err error) *rekey.FetchError {
	return &rekey.FetchError{Op: op, Permanent: source.IsPermanent(err), Err: err}
}

func verifyError(version string, err error) *rekey.VerifyError {
	if err == nil {
		return nil
	}
	var known *rekey.VerifyError
	if errors.As(err, &known) {
		return known
	}
	return &rekey.VerifyError{Version: version, Class: rekey.VerifyUnknown, Err: err}
}

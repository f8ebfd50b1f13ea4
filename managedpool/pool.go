// Package managedpool is pgxpool with credentials that change: a [Pool] has the methods of *pgxpool.Pool, and
// follows a [source.Source] so that no acquire, login or statement fails because a credential was rotated.
//
// A service changes one import and gives a source where it makes the pool:
//
//	src, err := file.Open("/vault/secrets/db", nil)
//	...
//	pool, err := managedpool.New(ctx, "host=db.internal dbname=app sslmode=verify-full", src, nil)
//
// # Modes
//
// [InPlace], the default, exchanges the connections of one pgxpool, one at a time; [Pool.Unwrap] gives it to libraries.
// [Replace] gives each credential a pgxpool of its own, which fills while the one before drains: for credentials that
// come with another configuration (Options.NextConfig), or whose connections are to be kept apart. In both, callers
// wait for no login, and the server sees at most MaxConns + Headroom sessions of the pool.
//
// # Which hooks run when
//
// The hooks of Config are chained, never replaced; in Replace mode those of each pgxpool's own configuration.
//
//   - BeforeConnect, DialFunc, TLS, AfterNetConnect, ValidateConnect and the other settings of the login run for
//     every session, also for the one on which a new credential is verified and for the spare ones of a
//     hand-over: they decide how the server is reached. The user's BeforeConnect runs first; the login that
//     the pool sets wins. It runs once more when a connection takes over a session that was made before.
//   - AfterConnect runs for every connection that callers get, and once more when a credential is verified,
//     because a login on which it fails is of no use. BeforeClose runs after that, as for any connection that
//     AfterConnect has set up.
//   - PrepareConn (or BeforeAcquire), ShouldPing, AfterRelease and the acquire and release tracers run for
//     callers only, not when the pool itself takes a connection in a hand-over. A stale connection is turned
//     away before PrepareConn sees it.
//   - BeforeClose runs once for every connection that callers could get, except hijacked ones.
//   - OnPgError is called after the pool has looked at the error, and decides as ever.
//   - Query tracers see what callers do, not the pool's own statements. A ConnectTracer times the whole login, and
//     is shown a configuration without password and TLS: those are settled beneath it. AcquireTracer and
//     ReleaseTracer name *pgxpool.Pool in their methods, also here: keep pgxpool's import where you implement them.
package managedpool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/announce"
	"github.com/rekeyhq/rekey/internal/gate"
	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/internal/reports"
	"github.com/rekeyhq/rekey/internal/worker"
	"github.com/rekeyhq/rekey/source"
)

// Pool is a pool of connections that follows its credentials. It is safe for concurrent use.
type Pool struct {
	mu  sync.RWMutex // guards cur; held to copy or replace the pointer, never across I/O
	cur *generation  // the credential in use, and the pgxpool that its connections are in

	config    *Config // a copy of the caller's
	options   Options
	endpoints []endpointRule
	traced    bool // acquires may have a tracer

	backings []*backing      // guarded by mu, and replaced, not changed: every pgxpool that may have connections
	past     rekey.PoolStats // guarded by mu: the counts of pgxpools that were closed
	inner    *pgxpool.Pool   // in place: the one that serves for life; nil in Replace mode
	retiring sync.WaitGroup  // pgxpools that are being closed
	engine   *refresh.Engine
	sessions *registry
	handover *handover
	router   *router
	ends     *ends
	reports  *reports.Reports[*generation]
	pings    *worker.Worker
	headroom headroom
	places   places
	callers  callers

	roleCheck *gate.Gate // for the question whether the role of connections that came home after an error still exists

	warnedLifetime, warnedWeak atomic.Bool

	verifiedMu sync.Mutex // guards verified
	verified   *verified

	closing closing
}

// New makes a pool for connString, with the login that src gives; a user or password in connString is not
// used. It returns once the first credential is verified, and fails, having undone everything, when the source
// or the server says no for good, when ctx ends, or after Options.MaxHold. ctx is not kept.
//
// The caller closes the pool, and src after it. nil opts means the defaults.
func New(ctx context.Context, connString string, src source.Source, opts *Options) (*Pool, error) {
	config, err := ParseConfig(connString)
	if err != nil {
		return nil, connStringError(err)
	}
	return NewWithConfig(ctx, config, src, opts)
}

// NewWithConfig is New with a configuration, which must come from ParseConfig and is copied.
func NewWithConfig(ctx context.Context, config *Config, src source.Source, opts *Options) (*Pool, error) {
	p, err := build(config, src, opts)
	if err != nil {
		return nil, err
	}
	b := newBacking(p, p.config)
	p.cur = newGeneration(b, source.Credential{}, endpoint{}) // MinConns are dialled from the next line on
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	close(b.published)
	p.mu.Lock()
	p.backings = []*backing{b}
	p.mu.Unlock()
	if p.options.Mode == InPlace {
		p.inner = b.pool
	}
	if p.options.NextConfig == nil {
		p.warnWeak(p.config)
	}
	p.engine.Start()
	if p.options.Lazy {
		return p, nil
	}
	if err := p.engine.Ready(ctx); err != nil {
		p.giveUp()
		return nil, fmt.Errorf("managedpool: first credential: %w", err)
	}
	p.handover.awaitSettled()
	return p, nil
}

// giveUp ends a pool that nobody has got. A source that ignores its context is not waited for any longer.
func (p *Pool) giveUp() {
	ctx, cancel := context.WithTimeout(context.Background(), giveUpTimeout)
	defer cancel()
	p.Shutdown(ctx)
}

// giveUpTimeout is time enough to give a credential back.
const giveUpTimeout = 5 * time.Second

// build makes the parts and connects nothing.
func build(config *Config, src source.Source, opts *Options) (*Pool, error) {
	switch {
	case config == nil:
		return nil, errors.New("managedpool: config is nil: make one with ParseConfig")
	case config.ConnConfig == nil:
		panic("config must be created by ParseConfig") // pgxpool's own words
	case src == nil:
		return nil, errors.New("managedpool: src is nil: a pool needs a source of credentials")
	}
	if f, ok := src.(source.Func); ok && f == nil {
		return nil, errors.New("managedpool: src is nil: a source.Func without a function")
	}
	p := &Pool{config: config.Copy(), options: opts.withDefaults(), roleCheck: gate.New(roleCheckInterval)}
	if err := p.options.validate(); err != nil {
		return nil, err
	}
	p.traced = p.mayTrace()
	p.endpoints, _ = parseEndpoints(p.options.AllowEndpoints) // validate has seen them
	p.sessions = newRegistry(p.sessionEnded)
	p.handover = newHandover(p)
	p.router = &router{pool: p}
	p.ends = newEnds(p)
	p.pings = worker.New(func() { p.pingIdle(p.pings.Ctx); p.handover.Kick() })
	p.headroom = newHeadroom(p.options.Headroom - p.ahead())
	p.closing = newClosing()
	engine := p.options.settings().Config()
	engine.Source, engine.Target, engine.OnEvent = src, target{p}, p.tell
	p.engine = refresh.New(engine)
	p.reports = reports.New(reports.Pool[*generation]{
		Engine: p.engine, Current: p.current, TakeNews: p.sessions.takeNews, TakeDrained: p.sessions.takeDrained, Held: "in use or hijacked",
	})
	return p, nil
}

// current returns the generation in use.
func (p *Pool) current() *generation {
	p.mu.RLock()
	g := p.cur
	p.mu.RUnlock()
	return g
}

// open returns the pgxpool in use and those of earlier generations that may still have connections.
func (p *Pool) open() []*backing {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.backings
}

// serves reports whether a connection can be made with the login in use.
func (p *Pool) serves() bool { return p.engine.View().Usable() }

// tell hands an event to whoever wants it.
func (p *Pool) tell(e rekey.Event) {
	announce.Announcer{OnEvent: p.options.OnEvent, Logger: p.options.Logger, Pool: p.options.Name, Source: p.options.SourceName}.Tell(e)
}

// sessionEnded is called when a session is gone.
func (p *Pool) sessionEnded(s *session) {
	p.leaveHeadroom(s)
	p.reports.Kick()
	p.handover.Kick()
	p.router.line.look()
}

// leaveHeadroom gives back the place that a session had in the headroom, if it had one.
func (p *Pool) leaveHeadroom(s *session) {
	if s.extra.Swap(false) {
		p.headroom.release()
	}
}

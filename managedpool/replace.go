package managedpool

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/puddle/v2"

	"github.com/rekeyhq/rekey/source"
)

// backingFor returns the pgxpool that c's connections will be in: in place, and where only the password changes, the
// one in use, else one of its own, which is not opened yet.
func (p *Pool) backingFor(ctx context.Context, c source.Credential, e endpoint) (*backing, error) {
	current := p.current()
	switch {
	case p.options.Mode == InPlace:
		return current.backing, nil
	case p.options.NextConfig != nil:
	case current.credential.Username == "": // nothing was made with it yet
		return current.backing, nil
	case !p.options.ReplaceSameLogin && current.sameLogin(newGeneration(current.backing, c, e)):
		return current.backing, nil
	}
	config := p.config.Copy()
	conn := config.ConnConfig
	if p.options.NextConfig != nil {
		if err := p.options.NextConfig(ctx, c, config); err != nil {
			return nil, fmt.Errorf("Options.NextConfig: %w", withoutConfig(err))
		}
		if err := usable(config, conn); err != nil {
			return nil, source.Permanent(fmt.Errorf("Options.NextConfig left no usable configuration: %w", err))
		}
	}
	return newBacking(p, config), nil
}

// usable finds what would make pgxpool panic. conn is the ConnConfig that config had at first.
func usable(config *Config, conn *pgx.ConnConfig) (err error) {
	switch {
	case config.ConnConfig != conn:
		return errors.New("its ConnConfig was replaced, not changed")
	case config.MaxConns < 1:
		return fmt.Errorf("MaxConns must be at least 1, is %d", config.MaxConns)
	case conn.DialFunc == nil || conn.LookupFunc == nil || conn.BuildFrontend == nil || conn.BuildContextWatcherHandler == nil:
		return errors.New("DialFunc, LookupFunc, BuildFrontend and BuildContextWatcherHandler of its ConnConfig must not be nil")
	case config.HealthCheckPeriod <= 0:
		return fmt.Errorf("HealthCheckPeriod must be positive, is %v", config.HealthCheckPeriod)
	}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r) // pgxpool's own words: not made by ParseConfig
		}
	}()
	empty := config.Copy()
	empty.MaxConns = 0
	pgxpool.NewWithConfig(context.Background(), empty) // fails without having done anything
	return nil
}

// acquire is Acquire in Replace mode. The user's tracer hears of it once, however often its caller is routed anew.
func (p *Pool) acquire(ctx context.Context) (*Conn, error) {
	if !p.traced {
		return p.acquireRouted(ctx)
	}
	b := p.current().backing
	tracer, ok := b.config.ConnConfig.Tracer.(pgxpool.AcquireTracer)
	if !ok {
		return p.acquireRouted(ctx)
	}
	ctx = tracer.TraceAcquireStart(ctx, b.pool, pgxpool.TraceAcquireStartData{})
	c, err := p.acquireRouted(ctx)
	data := pgxpool.TraceAcquireEndData{Err: err}
	if c != nil {
		data.Conn = c.Conn()
	}
	tracer.TraceAcquireEnd(ctx, b.pool, data)
	return c, err
}

// mayTrace reports whether acquires may have a tracer: one that is configured, or that NextConfig sets.
func (p *Pool) mayTrace() bool {
	_, ok := p.config.ConnConfig.Tracer.(pgxpool.AcquireTracer)
	return ok || p.options.NextConfig != nil
}

// acquireRouted is acquire, counted.
func (p *Pool) acquireRouted(ctx context.Context) (*Conn, error) {
	c, err := p.route(ctx)
	p.callers.got(ctx, err)
	return c, err
}

// route goes straight to the pgxpool in use where that has a connection to give, or can make one. Whoever may have to
// wait does so in line.
func (p *Pool) route(ctx context.Context) (*Conn, error) {
	ticket := p.router.line.ticket()
	if b := p.enter(); b != nil {
		before := b.connects.Load()
		c, err := b.acquireEntered(ctx)
		if err == nil && b.connects.Load() != before {
			p.countBirth(c, before)
		}
		if err != errMoved {
			return c, err
		}
	}
	return p.router.acquire(ctx, ticket)
}

// countBirth counts the wait for a connection, if it was begun after the given number of others and nobody has had it yet.
func (p *Pool) countBirth(c *Conn, before int64) {
	if born := sessionOf(c.Conn()).birth.Swap(nil); born != nil && born.number > before {
		p.callers.wait(time.Since(born.asked))
	}
}

// acquire is acquireEntered for a caller who is pending, and can be called out.
func (b *backing) acquire(a *attempt) (*Conn, error) {
	defer a.settle()
	c, err := b.acquireEntered(a)
	if err != nil && a.calledOut() {
		return nil, errMoved
	}
	return c, err
}

// acquireEntered is pgxpool's Acquire for a caller who is counted, with errMoved for whatever goes wrong because another
// pgxpool takes the place of this one. Nothing was sent to the server yet, so that the caller can be routed anew.
func (b *backing) acquireEntered(ctx context.Context) (*Conn, error) {
	c, err := b.pool.Acquire(ctx)
	if err == nil {
		return c, nil
	}
	b.owner.router.released(b, true)
	if errors.Is(err, errMoved) || b.wasClosed(ctx, err) {
		return nil, errMoved
	}
	return nil, err
}

// wasClosed reports whether err comes from this pgxpool's own end, which is not the end of all.
func (b *backing) wasClosed(ctx context.Context, err error) bool {
	if !b.gone() {
		return false
	}
	return errors.Is(err, puddle.ErrClosedPool) || errors.Is(err, context.Canceled) && ctx.Err() == nil
}

// gone reports whether b was closed, and that is not the end of all.
func (b *backing) gone() bool { return b.closed.Load() && !b.owner.closing.begun.Load() }

// enter returns the pgxpool in use, with one more caller counted, or nil if he may have to wait: all its connections
// are taken, there is another pgxpool beside it, or others wait for their turn.
func (p *Pool) enter() *backing {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if len(p.backings) > 1 || p.router.line.waiting.Load() > 0 {
		return nil
	}
	b := p.cur.backing
	if b.taken.Add(1) > int64(b.config.MaxConns) {
		p.router.released(b, true)
		return nil
	}
	return b
}

// hasRoom reports whether there is room for one more connection than there are, less those that already count.
func (p *Pool) hasRoom(counted int) bool {
	return p.totals().all-counted < p.limit()-p.lent()
}

// lent is how many places of a pool without headroom a verification has. That of a spare session is for the next connect.
func (p *Pool) lent() int {
	if p.options.Headroom >= 0 || p.handover.spare.filled() {
		return 0
	}
	return len(p.headroom)
}

// admit decides whether b may make the connection that it has begun to make.
func (b *backing) admit(ctx context.Context) error {
	p := b.owner
	if p.options.Mode == InPlace {
		return nil
	}
	if a := attemptOf(ctx, b); a != nil {
		if a.noDial {
			return errMoved
		}
		a.dials.Store(true)
		a.settle() // no idle connection is for him
	}
	select {
	case <-b.published:
	case <-b.ending:
		return errMoved
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.current().backing != b {
		return errMoved
	}
	room := 1 // the connection itself is counted
	if b.errandOf(ctx) != nil {
		room += p.ahead()
	}
	if len(p.open()) > 1 && !p.hasRoom(room) {
		return errMoved
	}
	return nil
}

// ahead is how many connections of the next pgxpool may be made before any of the one before goes: what there is of
// headroom beyond the place for a verification.
func (p *Pool) ahead() int {
	if p.options.Mode == InPlace {
		return 0
	}
	return max(0, p.options.Headroom-1)
}

// closeEmpty closes the pgxpools whose connections have all gone. A connection that its caller never gives back keeps
// the goroutine that closes its pgxpool until he does.
func (p *Pool) closeEmpty() {
	if len(p.open()) == 1 {
		return
	}
	p.mu.Lock()
	var rest, empty []*backing
	for _, b := range p.backings {
		if b == p.cur.backing || b.pool.Stat().TotalConns() > 0 && p.sessions.has(b) {
			rest = append(rest, b)
		} else {
			empty = append(empty, b)
			p.addPast(b)
		}
	}
	p.backings = rest
	p.mu.Unlock()
	for _, b := range empty {
		p.retiring.Go(b.close)
	}
}

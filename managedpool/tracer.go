package managedpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolTracer is what pgxpool takes for the user's tracer: it hears of every release, inline and without a
// goroutine. Connections get the user's own tracer in beforeConnect, so queries are not slowed by this one.
type poolTracer struct {
	backing *backing
	counts  bool                  // connections that are taken
	release pgxpool.ReleaseTracer // the user's, or nil
}

// acquireTracer is a poolTracer for users who trace acquires.
type acquireTracer struct {
	poolTracer
	acquire pgxpool.AcquireTracer
}

func newPoolTracer(b *backing, user pgx.QueryTracer) pgx.QueryTracer {
	t := poolTracer{backing: b, counts: b.owner.options.Mode == Replace}
	t.release, _ = user.(pgxpool.ReleaseTracer)
	if acquire, ok := user.(pgxpool.AcquireTracer); ok && b.owner.options.Mode == InPlace {
		return &acquireTracer{poolTracer: t, acquire: acquire}
	}
	return &t
}

// TraceQueryStart is never called: no connection has this tracer.
func (t *poolTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd is never called.
func (t *poolTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceRelease is on every release's way. While nothing is unusual it costs one atomic load, and a count in Replace mode.
func (t *poolTracer) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t.backing.owner.sessions.attention.Load() != 0 {
		t.releaseSlowly(pool, data)
		return
	}
	if t.release != nil {
		t.release.TraceRelease(pool, data)
	}
	if t.counts {
		t.backing.owner.router.released(t.backing, false)
	}
}

func (t *poolTracer) releaseSlowly(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	s := sessionOf(data.Conn)
	if s.held.Load() {
		// With a user's AfterRelease, pgxpool asks that next, and it must know as well.
		s.held.Store(t.backing.config.AfterRelease != nil)
		return
	}
	if t.release != nil {
		t.release.TraceRelease(pool, data)
	}
	s.usedAt.Store(time.Now().UnixNano())
	goes := t.backing.released(data.Conn, s)
	if t.counts {
		t.backing.owner.router.released(t.backing, goes)
	}
}

func (t *acquireTracer) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	if t.ofErrand(ctx) {
		return ctx
	}
	return t.acquire.TraceAcquireStart(ctx, pool, data)
}

func (t *acquireTracer) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if !t.ofErrand(ctx) {
		t.acquire.TraceAcquireEnd(ctx, pool, data)
	}
}

// ofErrand reports whether an acquire is the pool's own. While it has no errand there is nothing to look for.
func (t *acquireTracer) ofErrand(ctx context.Context) bool {
	return t.backing.owner.sessions.attention.Load() != 0 && t.backing.errandOf(ctx) != nil
}

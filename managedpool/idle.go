package managedpool

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// What the pool does with its own idle connections. Each is an errand: hooks of the user do not run, and the
// connections count as idle all the while.

// borrowIdle takes every idle connection; those that e refuses are closed. giveBack ends the loan; only its first
// call counts.
func (p *Pool) borrowIdle(ctx context.Context, e *errand) (conns []*pgxpool.Conn, giveBack func()) {
	p.sessions.errand(1)
	for _, b := range p.open() {
		conns = append(conns, b.pool.AcquireAllIdle(p.withErrand(ctx, e))...)
	}
	return conns, sync.OnceFunc(func() {
		for _, c := range conns {
			c.Release()
		}
		p.sessions.errand(-1)
	})
}

// closeIdle closes those idle connections that refuse names.
func (p *Pool) closeIdle(refuse func(*session) bool) {
	_, giveBack := p.borrowIdle(context.Background(), &errand{refuse: refuse})
	giveBack()
}

// closeOneIdle closes the first idle connection that matches, and returns it; nil if there is none.
func (p *Pool) closeOneIdle(match func(*session) bool) (closed *session) {
	p.closeIdle(func(s *session) bool {
		if closed != nil || !match(s) {
			return false
		}
		closed = s
		return true
	})
	return closed
}

// giveUpIdle closes one idle connection, to make room for another on a full server.
func (p *Pool) giveUpIdle() {
	if gone := p.closeOneIdle(func(*session) bool { return true }); gone != nil {
		gone.await()
	}
}

// pingTimeout bounds the look at an idle connection after others were killed.
const pingTimeout = time.Second

// pingIdle pings the idle connections after the server has killed one, and rarely just one, so that callers do not
// find the other dead ones one by one.
func (p *Pool) pingIdle(ctx context.Context) {
	conns, giveBack := p.borrowIdle(ctx, &errand{})
	defer giveBack()
	var pings sync.WaitGroup
	for _, c := range conns {
		pings.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, pingTimeout)
			defer cancel()
			c.Ping(ctx) // a dead connection is closed by it, and not taken back
			c.Release()
		})
	}
	pings.Wait()
}

package managedpool

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	// placePause is how often a connect without headroom looks whether there is a place for it.
	placePause = time.Millisecond
	// placeLooks is how often it looks for the place of a connection that has gone: it is somebody else's then.
	placeLooks = 50
)

// places keeps a pool without headroom within MaxConns: a session that is being verified, or spare, takes the place of
// a connection, and connects wait for as long as it has it.
type places struct {
	mu     sync.Mutex // guards the fields below, and makes a look and what follows from it one
	wait   int        // connects that have no session yet
	wanted bool       // the next connection to come home goes, whichever it is
	gone   *session   // it did, and this was it
}

// placeless is a connect on its way to a session.
type placeless struct {
	pool    *Pool
	waiting bool
}

// comes counts a connect that has no session yet.
func (p *Pool) comes() *placeless {
	c := &placeless{pool: p}
	c.back()
	return c
}

// back counts it once more after a session that came to nothing.
func (c *placeless) back() {
	if c.pool.options.Headroom >= 0 || c.waiting {
		return
	}
	c.waiting = true
	c.pool.places.mu.Lock()
	c.pool.places.wait++
	c.pool.places.mu.Unlock()
}

// leave ends the count.
func (c *placeless) leave() {
	if c.waiting {
		c.waiting = false
		c.pool.places.mu.Lock()
		c.pool.places.wait--
		c.pool.places.mu.Unlock()
	}
}

// take takes a place for a session, and reports whether there was one.
func (c *placeless) take() bool {
	if !c.waiting {
		return true
	}
	places := &c.pool.places
	places.mu.Lock()
	defer places.mu.Unlock()
	if c.pool.used() >= c.pool.limit()-len(c.pool.headroom) {
		return false
	}
	c.waiting = false
	places.wait--
	return true
}

// used is how many connections have a session, or are about to. It is called under the lock of places.
func (p *Pool) used() int { return p.totals().all - p.places.wait }

// limit is MaxConns of the login in use.
func (p *Pool) limit() int { return int(p.current().backing.config.MaxConns) }

// makeRoom frees a place for a session in a pool without headroom: that of an idle connection, else of the next to
// come home.
func (p *Pool) makeRoom(ctx context.Context) error {
	for !p.hasPlace() {
		if gone := p.closeOneIdle(func(*session) bool { return true }); gone != nil {
			gone.await()
			p.awaitPlace()
			continue
		}
		p.want(true) // the one that goes is waited for, before there is another
		select {
		case <-time.After(placePause):
			if gone := p.takeGone(); gone != nil {
				gone.await()
				p.awaitPlace()
			}
		case <-ctx.Done():
			p.want(false)
			return fmt.Errorf("managedpool: no place for a verification: all connections are in use, and Options.Headroom is -1: %w", ctx.Err())
		}
	}
	p.want(false)
	return nil
}

// awaitPlace waits for pgxpool to take note that a connection has gone, which it does a moment after the server: or else
// another one would have to go.
func (p *Pool) awaitPlace() {
	for range placeLooks {
		if p.hasPlace() {
			return
		}
		time.Sleep(placePause)
	}
}

// hasPlace reports whether a session beside the connections would be within MaxConns.
func (p *Pool) hasPlace() bool {
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	return p.used() < p.limit()
}

// want lets the next connection that comes home go, or no longer.
func (p *Pool) want(wanted bool) {
	p.places.mu.Lock()
	changed := p.places.wanted != wanted
	p.places.wanted = wanted
	if changed {
		p.places.gone = nil
	}
	p.places.mu.Unlock()
	switch {
	case !changed:
	case wanted:
		p.sessions.errand(1) // releases are looked at
	default:
		p.sessions.errand(-1)
	}
}

// wanted reports whether s, which comes home, is to go; it is asked for one.
func (p *Pool) wanted(s *session) bool {
	if p.options.Headroom >= 0 {
		return false
	}
	p.places.mu.Lock()
	wanted := p.places.wanted && p.places.gone == nil
	if wanted {
		p.places.gone = s
	}
	p.places.mu.Unlock()
	return wanted
}

// takeGone returns the connection that has gone because it was wanted, nil if none has.
func (p *Pool) takeGone() *session {
	p.places.mu.Lock()
	defer p.places.mu.Unlock()
	gone := p.places.gone
	p.places.gone = nil
	return gone
}

package sqladapter

import (
	"sync"
	"time"
)

const (
	// spareLife is how long a session that nobody needs is kept.
	spareLife = time.Second
	// spareYield is how long a verification waits for the place that a spare session has.
	spareYield = 100 * time.Millisecond
)

// spare is a place for one session that is logged in and waits to be adopted.
type spare struct {
	mu      sync.Mutex // guards the fields below
	session *Session
	since   time.Time
	gone    chan struct{} // closed when the session is taken
	closed  bool
}

// put leaves a session, and returns one that nobody has taken, or the session itself if the place is closed.
func (p *spare) put(s *Session) (before *Session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return s
	}
	if before = p.session; before != nil {
		close(p.gone)
	}
	p.session, p.since, p.gone = s, time.Now(), make(chan struct{})
	return before
}

// take takes the session; nil if there is none. fresh reports whether it has not waited for long.
func (p *spare) take() (s *Session, fresh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil {
		return nil, false
	}
	s, p.session = p.session, nil
	close(p.gone)
	return s, time.Since(p.since) < 2*spareLife
}

// taken returns a channel that is closed when the session that is there now is taken; closed, if there is none.
func (p *spare) taken() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.session == nil {
		return closedChan
	}
	return p.gone
}

// closedChan is closed.
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (p *spare) filled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != nil
}

// old reports whether the session has waited for longer than it should.
func (p *spare) old() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session != nil && time.Since(p.since) > spareLife
}

// close ends the place, and returns the session that was left in it.
func (p *spare) close() *Session {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	s, _ := p.take()
	return s
}

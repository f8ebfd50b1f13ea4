package managedpool

import (
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/standby"
)

// spareLife is how long a spare session is trusted without a look: pgxpool, too, pings what has been idle for
// longer than a second.
const spareLife = time.Second

// spareYield is how long it may keep its place in the headroom from a verification that wants it: in a busy pool
// it is adopted within a query's time, in one whose connections are all held it may never be.
const spareYield = 100 * time.Millisecond

// spare is a place for one session that is logged in and waits for the next connect to adopt it.
type spare struct {
	mu      sync.Mutex // guards the fields below
	session *standby.Session
	since   time.Time
	gone    chan struct{} // closed when session is taken
	closed  bool          // nobody will come for another
}

// close refuses what may still be put, and returns what is there.
func (s *spare) close() *standby.Session {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	return s.take()
}

// put leaves a session. Whatever was there before is returned, to be closed, or what nobody will come for.
func (s *spare) put(session *standby.Session) *standby.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return session
	}
	before := s.session
	if before != nil {
		close(s.gone)
	}
	s.session, s.since, s.gone = session, time.Now(), make(chan struct{})
	return before
}

// taken returns a channel that is closed once the session that is there was taken; at once if there is none.
func (s *spare) taken() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.session == nil {
		return closedChan
	}
	return s.gone
}

// closedChan is closed.
var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// take returns the session that is there.
func (s *spare) take() *standby.Session {
	session, _ := s.takeIf(func(*standby.Session) bool { return true })
	return session
}

// takeFor returns the session that is there if b's connections may adopt it, and whether it is fresh enough.
func (s *spare) takeFor(b *backing) (ready *standby.Session, fresh bool) {
	return s.takeIf(func(ready *standby.Session) bool {
		return ready.Attached.(*session).generation.Load().backing == b
	})
}

func (s *spare) takeIf(match func(*standby.Session) bool) (session *standby.Session, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session = s.session
	if session == nil || !match(session) {
		return nil, false
	}
	s.session = nil
	close(s.gone)
	return session, time.Since(s.since) < spareLife
}

// fresh reports whether the session that is there may still be adopted.
func (s *spare) fresh() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session != nil && time.Since(s.since) < spareLife
}

// filled reports whether there is one.
func (s *spare) filled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session != nil
}

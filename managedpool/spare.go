package managedpool

import (
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/standby"
)

// spareLife is how long a spare session is trusted without a look: pgxpool, too, pings what has been idle for
// longer than a second.
const spareLife = time.Second

// spare is a place for one session that is logged in and waits for the next connect to adopt it.
type spare struct {
	mu      sync.Mutex // guards the fields below
	session *standby.Session
	since   time.Time
}

// put leaves a session. Whatever was there before is returned, to be closed.
func (s *spare) put(session *standby.Session) *standby.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.session
	s.session, s.since = session, time.Now()
	return before
}

// take returns the session that is there, and whether it is fresh enough to be adopted.
func (s *spare) take() (session *standby.Session, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	session = s.session
	s.session = nil
	return session, session != nil && time.Since(s.since) < spareLife
}

// filled reports whether there is one.
func (s *spare) filled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session != nil
}

package sqladapter

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/socket"
)

// registry knows every server session of an adapter, and how many each generation has.
type registry struct {
	// attention is not zero while anything is unusual: sessions of superseded generations, suspects, a
	// login that is dead or ended. While it is zero, connections that come and go are not looked at.
	attention atomic.Int32

	places *places
	onEnd  func() // called without the lock when a session has ended

	mu       sync.Mutex // guards the fields below, and those that generation and Session say
	book     lineage.Book[*generation]
	sessions map[*Session]struct{}
	suspects int
	closed   bool // nothing comes home any more
}

func newRegistry(places *places, onEnd func()) *registry {
	return &registry{places: places, onEnd: onEnd, sessions: map[*Session]struct{}{}}
}

// begin counts a session that is about to be made with g, and has a place.
func (r *registry) begin(a *adapter, g *generation, kind place) *Session {
	s := &Session{adapter: a, place: kind, closed: make(chan struct{})}
	r.mu.Lock()
	defer r.mu.Unlock()
	for g.heir != nil {
		g = g.heir
	}
	s.generation.Store(g)
	r.book.Begin(g)
	r.sessions[s] = struct{}{}
	r.weigh()
	return s
}

// end forgets a session that is gone. Only its first call counts.
func (r *registry) end(s *Session) {
	r.mu.Lock()
	_, known := r.sessions[s]
	if known {
		delete(r.sessions, s)
		s.generation.Load().End()
		if s.suspect.Swap(false) {
			r.suspects--
		}
		r.places.release(s.place)
		close(s.closed)
		r.weigh()
	}
	r.mu.Unlock()
	if known {
		r.onEnd()
	}
}

// adopt gives a session of the headroom the place of the pool's that the caller has taken, and reports whether it is
// still there.
func (r *registry) adopt(s *Session) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.sessions[s]; !known {
		r.places.release(poolPlace)
		return false
	}
	r.places.release(s.place)
	s.place = poolPlace
	return true
}

// publish makes next the generation in use. Where only the password has changed, sessions of the same login
// become sessions of next, those being made included.
func (r *registry) publish(next *generation, takeOver bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book.Supersede(next, now)
	if takeOver {
		for _, g := range r.book.Old {
			if g.sameLogin(next) && !g.Useless() {
				r.inherit(g, next)
			}
		}
	}
	r.book.Announce(next.credential.Version, now)
	r.weigh()
}

// takeNews returns the hand-overs that have begun or ended and were not returned before.
func (r *registry) takeNews() []rekey.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.Log.Take()
}

func (r *registry) inherit(from, to *generation) {
	from.heir = to
	to.Inherit(&from.Life)
	for s := range r.sessions {
		if s.generation.Load() == from {
			s.generation.Store(to)
		}
	}
}

// weigh decides whether connections must be looked at. It is called under the lock.
func (r *registry) weigh() {
	unusual := r.closed || r.suspects > 0 || r.book.Unusual()
	if unusual {
		r.attention.Store(1)
	} else {
		r.attention.Store(0)
	}
}

// look weighs anew after a flag of a generation has changed.
func (r *registry) look() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weigh()
}

// close makes every connection that comes home go.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.weigh()
}

// suspected notes that the server sent s an error that a revoked role causes.
func (r *registry) suspected(s *Session) {
	if s.suspect.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.sessions[s]; known && !s.suspect.Swap(true) {
		r.suspects++
		r.weigh()
	}
}

// cleared ends the suspicion and reports whether there was one.
func (r *registry) cleared(s *Session) bool {
	if !s.suspect.Load() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.suspect.Swap(false) {
		return false
	}
	r.suspects--
	r.weigh()
	return true
}

// takeDrained returns the superseded generations that have no session left and were not returned before.
func (r *registry) takeDrained() []drain {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.TakeDrained(time.Now())
}

// connections counts the sessions of the generation in use, if that is the one with this number: a snapshot of the
// engine may be a step ahead, or behind.
func (r *registry) connections(id uint64) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.Connections(id)
}

// usable counts the connections that callers can be given.
func (r *registry) usable() (usable int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if s.pooled.Load() && !s.leaving.Load() && !s.generation.Load().Useless() {
			usable++
		}
	}
	return usable
}

// draining describes the superseded generations that still have sessions, oldest first.
func (r *registry) draining() []drain {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.Draining()
}

// ending is a generation that has sessions, and when they must be gone; zero: never.
type ending struct {
	generation *generation
	deadline   time.Time
	inUse      bool // it is the generation in use
}

// endings describes every adopted generation that has sessions, oldest first.
func (r *registry) endings(drainTimeout time.Duration) (out []ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.book.WithSessions() {
		out = append(out, ending{g, g.Deadline(drainTimeout), g == r.book.Current})
	}
	return out
}

// any reports whether a generation with sessions matches.
func (r *registry) any(match func(*generation) bool) bool {
	for _, e := range r.endings(0) {
		if match(e.generation) {
			return true
		}
	}
	return false
}

// attach gives a session its socket. An attempt on another host replaces the one before.
func (r *registry) attach(s *Session, open *socket.Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.socket, s.gone = open, false
}

// dialled notes that the attempt to make a session is over, well or not. From then on it ends with its socket, or, where
// that is not to be seen, with hidden's call of closedConn.
func (r *registry) dialled(s *Session, made bool) {
	r.mu.Lock()
	s.dialled = true
	over := s.gone || s.socket == nil && !made
	r.mu.Unlock()
	if over {
		r.end(s)
	}
}

// closing notes that somebody closes the session's socket.
func (r *registry) closing(s *Session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.dialled { // else it is an attempt that failed, and another host may follow
		s.leaving.Store(true)
	}
}

// closedConn notes that the driver's connection was closed.
func (r *registry) closedConn(s *Session) {
	s.leaving.Store(true)
	if r.socketOf(s) == nil {
		r.end(s)
	}
}

// socketEnded ends the session whose socket was closed.
func (r *registry) socketEnded(s *Session, closed *socket.Socket) {
	r.mu.Lock()
	s.gone = s.gone || s.socket == closed
	over := s.dialled && s.gone
	r.mu.Unlock()
	if over {
		r.end(s)
	}
}

// of returns the sessions of g, or of every generation if that is nil, that are logged in.
func (r *registry) of(g *generation) []*Session {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*Session
	for s := range r.sessions {
		if s.dialled && (g == nil || s.generation.Load() == g) {
			out = append(out, s)
		}
	}
	return out
}

// countCancelled notes that a connection of g is closed under its user.
func (r *registry) countCancelled(g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.Cancel()
}

// len returns how many sessions there are.
func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// socketOf returns the socket of a session, nil before its dial, or if it is not to be seen.
func (r *registry) socketOf(s *Session) *socket.Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.socket
}

package managedpool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/lineage"
	"github.com/rekeyhq/rekey/internal/socket"
)

// registry knows every server session of a pool, hijacked ones included, and how many each generation has.
type registry struct {
	// attention is not zero while anything is unusual: sessions of superseded generations, suspects, a
	// login that is dead or ended. While it is zero, acquire and release have nothing to look at.
	attention atomic.Int32

	// errandAgo is set while an errand of the pool's own may have made idle connections look used.
	errandAgo atomic.Bool

	onEnd func(*session) // called without the lock when a session has ended

	mu       sync.Mutex // guards the fields below, and those that generation says
	book     lineage.Book[*generation]
	sessions map[*session]struct{}
	suspects int
	outdated int
	strays   int // connections that were closed under callers who have not given them back
	errands  int // what the pool itself is doing with connections
	calm     *time.Timer
}

// calmAfter is when pgxpool by itself pings what was idle since before an errand.
const calmAfter = pingAfter + 100*time.Millisecond

func newRegistry(onEnd func(*session)) *registry {
	return &registry{sessions: map[*session]struct{}{}, onEnd: onEnd}
}

// begin counts a session that is about to be made with g.
func (r *registry) begin(g *generation) *session {
	s := &session{closed: make(chan struct{})}
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

// beginExtra counts a session that has a place in the headroom.
func (r *registry) beginExtra(g *generation) *session {
	s := r.begin(g)
	s.extra.Store(true)
	return s
}

// end forgets a session that is gone. Only its first call counts.
func (r *registry) end(s *session) {
	r.mu.Lock()
	_, known := r.sessions[s]
	if known {
		delete(r.sessions, s)
		s.generation.Load().End()
		if s.suspect.Swap(false) {
			r.suspects--
		}
		if s.outdated.Load() {
			r.outdated--
		}
		close(s.closed)
		r.weigh()
	}
	r.mu.Unlock()
	if known {
		r.onEnd(s)
	}
}

// publish makes next the generation in use. Where only the password has changed, sessions of the same login
// become sessions of next, those being made included.
func (r *registry) publish(next *generation, takeOver bool, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.book.Supersede(next, now)
	if takeOver {
		for _, g := range r.book.Old {
			if g.backing == next.backing && g.sameLogin(next) && !g.Useless() {
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

// weigh decides whether acquire and release must look closer. It is called under the lock.
func (r *registry) weigh() {
	unusual := r.suspects > 0 || r.outdated > 0 || r.strays > 0 || r.errands > 0 || r.book.Unusual()
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

// errand counts the pool's own errands: connections that it takes must be known on their way out and back.
func (r *registry) errand(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errands += n
	r.weigh()
	r.errandAgo.Store(true)
	if r.calm == nil {
		r.calm = time.AfterFunc(calmAfter, func() { r.errandAgo.Store(false) })
	} else {
		r.calm.Reset(calmAfter)
	}
}

// outdate marks every session, so that none is used once more.
func (r *registry) outdate() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if !s.outdated.Swap(true) {
			s.unborn.Store(!s.pooled.Load())
			r.outdated++
		}
	}
	r.weigh()
}

// suspected notes that the server sent s an error that a revoked role causes.
func (r *registry) suspected(s *session) {
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
func (r *registry) cleared(s *session) bool {
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

// draining describes the superseded generations that still have sessions.
func (r *registry) draining() []drain {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.Draining()
}

// withSessions returns every adopted generation that has sessions, oldest first.
func (r *registry) withSessions() []*generation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.book.WithSessions()
}

// anyLeaves reports whether a generation with sessions cannot wait for its turn.
func (r *registry) anyLeaves() bool {
	for _, g := range r.withSessions() {
		if g.Leaves() {
			return true
		}
	}
	return false
}

// count returns how many connections callers could get and have not been told to go, and how many of those are
// of superseded generations.
func (r *registry) count() (old, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if !s.pooled.Load() || s.leaving.Load() {
			continue
		}
		all++
		if s.generation.Load() != r.book.Current {
			old++
		}
	}
	return old, all
}

// usable returns how many connections callers could be given if none were hijacked, and how many there are altogether.
func (r *registry) usable() (usable, all int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if !s.pooled.Load() {
			continue
		}
		all++ // pgxpool counts those that leave for a moment longer
		if !s.leaving.Load() && !s.outdated.Load() && !s.generation.Load().Useless() {
			usable++
		}
	}
	return usable, all
}

// awaitLeaving waits until the server has ended the sessions that were told to go, and those that no connection
// has adopted: nobody is left who could.
func (r *registry) awaitLeaving() {
	r.mu.Lock()
	var leaving []*session
	for s := range r.sessions {
		if s.leaving.Load() || s.conn.Load() == nil {
			leaving = append(leaving, s)
		}
	}
	r.mu.Unlock()
	limit := time.NewTimer(2 * socket.LingerTimeout)
	defer limit.Stop()
	for _, s := range leaving {
		select {
		case <-s.closed:
		case <-limit.C:
			return
		}
	}
}

// stop ends the registry's timer.
func (r *registry) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.calm != nil {
		r.calm.Stop()
	}
}

// deadlineOf returns when g's connections must be gone.
func (r *registry) deadlineOf(g *generation, drainTimeout time.Duration) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return g.Deadline(drainTimeout)
}

// of returns the sessions of matching generations that have a socket, logged in or not.
func (r *registry) of(match func(*generation) bool) []*session {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []*session
	for s := range r.sessions {
		if s.socket != nil && match(s.generation.Load()) {
			out = append(out, s)
		}
	}
	return out
}

// attach gives a session its socket. An attempt on another host replaces the one before.
func (r *registry) attach(s *session, open *socket.Socket) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.socket, s.gone = open, false
}

// dialled notes that the attempt to make a session is over, well or not: it ends with its socket.
func (r *registry) dialled(s *session) {
	r.mu.Lock()
	s.dialled = true
	gone := s.gone || s.socket == nil
	r.mu.Unlock()
	if gone {
		r.end(s)
	}
}

// socketEnded ends the session whose socket was closed.
func (r *registry) socketEnded(s *session, closed *socket.Socket) {
	r.mu.Lock()
	s.gone = s.gone || s.socket == closed
	over := s.dialled && s.gone
	r.mu.Unlock()
	if over {
		r.end(s)
	}
}

// has reports whether there are sessions that b's connections could be on.
func (r *registry) has(b *backing) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s := range r.sessions {
		if s.generation.Load().backing == b {
			return true
		}
	}
	return false
}

// countCut notes that a connection of g is closed under its user. pgx does not know of that before it uses the socket, so
// the connection must not go from him to another.
func (r *registry) countCut(s *session, g *generation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g.Cancel()
	s.stray.Store(true)
	r.strays++
	r.weigh()
}

// home notes that a connection is being closed: it strays no more.
func (r *registry) home(s *session) {
	if !s.stray.Swap(false) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strays--
	r.weigh()
}

// len returns how many sessions there are.
func (r *registry) len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

// socketOf returns the socket of a session, nil before its dial.
func (r *registry) socketOf(s *session) *socket.Socket {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.socket
}

package sqladapter

import "context"

// BrokenOff reports whether the connection was logged in, and nobody has closed it: if its socket is closed all the same, by
// a context that has ended or by the adapter, the server may be at work for it still.
func (s *Session) BrokenOff() bool {
	sessions := s.adapter.sessions
	sessions.mu.Lock()
	defer sessions.mu.Unlock()
	return s.dialled && s.conn != nil && !s.goodbye.Load()
}

// Beside takes a place for a session that is to end what s is doing, and returns what gives it back. It waits as long as ctx
// allows, and then goes without: what s is doing could go on for longer than any request to end it.
func (s *Session) Beside(ctx context.Context) (release func()) {
	places := s.adapter.places
	giveUp := places.claim()
	defer giveUp()
	for ctx.Err() == nil {
		if kind, ok := places.tryExtra(); ok {
			return func() { places.release(kind) }
		}
		if !places.shared() && try(places.pool) {
			return func() { places.release(poolPlace) }
		}
		pause(ctx, placePause)
	}
	return func() {}
}

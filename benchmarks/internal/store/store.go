// Package store plays the secret store that contenders get their logins from: it counts calls, answers as slowly as a
// network does, and can be down.
package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Latency is how long each call takes: a store in the same region.
const Latency = 5 * time.Millisecond

// ErrDown is what a store answers that is down.
var ErrDown = errors.New("store: unavailable")

// Secret is what is stored.
type Secret struct {
	User, Password string
	Version        string
	IssuedAt       time.Time
	ExpiresAt      time.Time // zero: never
}

// Store holds one secret. It is safe for concurrent use.
type Store struct {
	mu      sync.Mutex // guards the rest
	secret  Secret
	changed chan struct{}
	down    bool
	missed  bool // a change that nobody was told of
	calls   int
}

// New holds a secret.
func New(first Secret) *Store { return &Store{secret: first, changed: make(chan struct{})} }

// Get is one call: what is stored when the answer is sent.
func (s *Store) Get(ctx context.Context) (Secret, error) {
	s.mu.Lock()
	s.calls++
	s.mu.Unlock()
	timer := time.NewTimer(Latency)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Secret{}, ctx.Err()
	case <-timer.C:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return Secret{}, ErrDown
	}
	return s.secret, nil
}

// Changed is closed at the next change, as a watched file or an event tells. It tells nothing while the store is down.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// Put stores another secret.
func (s *Store) Put(secret Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secret = secret
	if s.down {
		s.missed = true
		return
	}
	s.tell()
}

// SetDown makes the store fail, or answer again.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
	if !down && s.missed {
		s.missed = false
		s.tell()
	}
}

// tell wakes those who watch. The caller holds mu.
func (s *Store) tell() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Calls is how often it was asked.
func (s *Store) Calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

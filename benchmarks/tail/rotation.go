package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/source"
)

// rotation is a source in memory, and the issuer behind it.
type rotation struct {
	issuer *testenv.Issuer

	mu      sync.Mutex // guards the fields below
	login   testenv.Login
	changed chan struct{}
}

func newRotation(ctx context.Context, issuer *testenv.Issuer) (*rotation, error) {
	login, err := issuer.Issue(ctx)
	return &rotation{issuer: issuer, login: login, changed: make(chan struct{})}, err
}

// Fetch returns the newest login.
func (r *rotation) Fetch(context.Context) (source.Credential, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return source.Credential{
		Username: r.login.User, Password: source.NewSecret(r.login.Password), Version: r.login.User,
	}, nil
}

// Changed is closed at the next rotation.
func (r *rotation) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

// run rotates until ctx ends.
func (r *rotation) run(ctx context.Context, every time.Duration) {
	issueEach(ctx, r.issuer, every, r.set)
}

// issueEach gives use a new login at each tick, until ctx ends.
func issueEach(ctx context.Context, issuer *testenv.Issuer, every time.Duration, use func(testenv.Login)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		login, err := issuer.Issue(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, "tail: issuing a login:", err)
			continue
		}
		use(login)
	}
}

func (r *rotation) set(login testenv.Login) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.login = login
	close(r.changed)
	r.changed = make(chan struct{})
}

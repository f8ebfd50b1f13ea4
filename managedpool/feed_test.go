package managedpool_test

import (
	"context"
	"sync"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/source"
)

// feed is a source whose credential the test sets.
type feed struct {
	mu      sync.Mutex
	login   source.Credential
	err     error
	changed chan struct{}
	fetches int
}

func newFeed(login testenv.Login) *feed {
	f := &feed{changed: make(chan struct{})}
	f.set(login)
	return f
}

func (f *feed) Fetch(context.Context) (source.Credential, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetches++
	return f.login, f.err
}

func (f *feed) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// set makes login the credential to use, without an end.
func (f *feed) set(login testenv.Login) { f.put(credentialOf(login), nil) }

// put sets what Fetch returns, and tells the pool.
func (f *feed) put(c source.Credential, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login, f.err = c, err
	close(f.changed)
	f.changed = make(chan struct{})
}

// quietly sets what Fetch returns, and tells nobody.
func (f *feed) quietly(c source.Credential, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login, f.err = c, err
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fetches
}

func credentialOf(login testenv.Login) source.Credential {
	return source.Credential{Username: login.User, Password: source.NewSecret(login.Password)}
}

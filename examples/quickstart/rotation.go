package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

const (
	// grace is how long a login must have been without a session before it is dropped. A session that is
	// being made is not in pg_stat_activity yet.
	grace = 100 * time.Millisecond
	// look is how often that is asked.
	look = 10 * time.Millisecond
	// patience bounds a hand-over. It takes a fraction of a second.
	patience = 30 * time.Second
)

// rotation plays the issuer: a new login with every turn, and an end to the old ones, which lose their grants
// and are dropped once the pool has left them.
type rotation struct {
	issuer  *testenv.Issuer
	publish func(context.Context, testenv.Login) error // tells the pool, one way or another

	mu        sync.Mutex // guards the rest
	roles     []*role    // that exist, oldest first
	inUse     string
	adoptions int
}

// role is a login on its way from issued to dropped.
type role struct {
	login   testenv.Login
	adopted bool      // the pool has used it
	left    bool      // the pool will not use it any more
	quiet   time.Time // since when it has been without a session
}

func newRotation(issuer *testenv.Issuer, publish func(context.Context, testenv.Login) error) *rotation {
	return &rotation{issuer: issuer, publish: publish}
}

// rotate issues a login and publishes it.
func (r *rotation) rotate(ctx context.Context) error {
	login, err := r.issuer.Issue(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.roles = append(r.roles, &role{login: login})
	r.mu.Unlock()
	return r.publish(ctx, login)
}

// run rotates for a while, the first time after half an interval.
func (r *rotation) run(ctx context.Context, length, every time.Duration) error {
	end := time.After(length)
	turn, sweep := time.NewTicker(max(every/2, 1)), time.NewTicker(look)
	defer turn.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return nil
		case <-turn.C:
			turn.Reset(every)
			err = r.rotate(ctx)
		case <-sweep.C:
			err = r.dropLeft(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// settle waits until only the login in use is left.
func (r *rotation) settle(ctx context.Context) error {
	deadline := time.Now().Add(patience)
	for {
		if err := r.dropLeft(ctx); err != nil {
			return err
		}
		old := r.old()
		switch {
		case len(old) == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("the pool has not left the login %s within %v", old[0].login, patience)
		}
		time.Sleep(look)
	}
}

// adopted notes that the pool uses a login from now on. Older ones that it never used were superseded before it
// came to them.
func (r *rotation) adopted(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inUse = user
	r.adoptions++
	for _, role := range r.roles {
		if role.login.User == user {
			role.adopted = true
			return
		}
		role.left = role.left || !role.adopted
	}
}

// drained notes that the pool has no session of a login left.
func (r *rotation) drained(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, role := range r.roles {
		role.left = role.left || role.login.User == user
	}
}

// dropLeft drops the logins that the pool has left, as soon as the server, too, has seen nothing of them for
// a while.
func (r *rotation) dropLeft(ctx context.Context) error {
	for _, role := range r.leaving() {
		sessions, err := r.issuer.Sessions(ctx, role.login)
		switch {
		case err != nil:
			return err
		case sessions > 0:
			role.quiet = time.Time{}
		case role.quiet.IsZero():
			role.quiet = time.Now()
		case time.Since(role.quiet) > grace:
			if err := r.issuer.Revoke(ctx, role.login); err != nil {
				return err
			}
			r.forget(role)
		}
	}
	return nil
}

func (r *rotation) leaving() []*role {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.roles), func(x *role) bool { return !x.left })
}

// old returns all logins but the newest.
func (r *rotation) old() []*role {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.roles[:len(r.roles)-1])
}

func (r *rotation) forget(gone *role) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roles = slices.DeleteFunc(r.roles, func(x *role) bool { return x == gone })
}

// user returns the login in use.
func (r *rotation) user() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inUse
}

// count returns how many rotations the pool has followed. The first login is not one.
func (r *rotation) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return max(0, r.adoptions-1)
}

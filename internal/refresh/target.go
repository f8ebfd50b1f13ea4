package refresh

import (
	"context"

	"github.com/rekeyhq/rekey/source"
)

// Target is what the engine keeps supplied with a login: a pool. Publish, Extend and Expire are called by the
// engine's goroutine, one at a time, and must not wait for anything.
type Target interface {
	// Verify logs in with next and checks that it can do the work of the login in use, which is nil for a
	// pool's first credential. It returns a *rekey.VerifyError, or any other error for a check that could
	// not be made. One call runs at a time.
	Verify(ctx context.Context, next source.Credential, inUse *Generation) error

	// Publish makes g the login of every connection made from now on and begins the hand-over. Once no
	// connection of the generation before it is left, the target calls Engine.Drained, from another
	// goroutine.
	Publish(g *Generation)

	// Extend replaces the login in use by a snapshot of the same generation with another end, which works:
	// it takes back an Expire or a Distrust.
	Extend(g *Generation)

	// Expire says that the login in use has ended: nothing may use it any more.
	Expire(g *Generation)

	// Distrust says that the server refuses new logins with the login in use (revoked is false), or that
	// its role has lost everything (true).
	Distrust(g *Generation, revoked bool)
}

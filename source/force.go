package source

import "context"

type (
	forceKey  struct{}
	holderKey struct{}
)

// WithForce returns a context for a Fetch that asks the issuer itself: a Source that keeps answers must not
// serve one that the caller may already have had. The engine sets it for the fetch that follows a refused
// login, and for a refresh that the application asked for.
func WithForce(ctx context.Context) context.Context {
	return context.WithValue(ctx, forceKey{}, true)
}

// Forced reports whether ctx was made by [WithForce].
func Forced(ctx context.Context) bool {
	forced, _ := ctx.Value(forceKey{}).(bool)
	return forced
}

// WithHolder returns a context that says on whose behalf a Source is called, so that a Source used by several
// pools can tell them apart. The engine sets it on every call that it makes to a Source: the same holder for
// the life of a pool, another one for each pool.
//
// holder must be comparable and is compared with ==; a pointer that lives as long as the pool is best. A
// Source may keep it until the credential that it was given is retired and followed by another. A nil holder
// means that the caller is not known.
func WithHolder(ctx context.Context, holder any) context.Context {
	return context.WithValue(ctx, holderKey{}, holder)
}

// Holder returns what [WithHolder] put into ctx, or nil.
func Holder(ctx context.Context) any { return ctx.Value(holderKey{}) }

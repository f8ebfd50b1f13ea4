package source

import "context"

// Reason says why a credential is given back; see [RetireReason].
type Reason int

const (
	// Unknown is the reason of a caller who names none.
	Unknown Reason = iota
	// Drained: a newer credential is in use, and no connection of this one is left.
	Drained
	// Refused: the pool did not adopt it, or not in time.
	Refused
	// Closed: the pool that used it was closed.
	Closed
)

type reasonKey struct{}

// WithRetireReason returns a context for Retirer.Retire that says why. The engine sets it.
func WithRetireReason(ctx context.Context, reason Reason) context.Context {
	return context.WithValue(ctx, reasonKey{}, reason)
}

// RetireReason returns what [WithRetireReason] put into ctx, else Unknown.
func RetireReason(ctx context.Context) Reason {
	reason, _ := ctx.Value(reasonKey{}).(Reason)
	return reason
}

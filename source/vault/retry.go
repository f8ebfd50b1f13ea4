package vault

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// comeAgain has a request repeated only where Vault has refused it unseen and says, or implies, when to come again, and
// where that is soon enough for whoever waits.
func comeAgain(ctx context.Context, response *http.Response, err error) (bool, error) {
	if err != nil || response == nil || waiterOf(ctx).Err() != nil {
		return false, nil
	}
	switch response.StatusCode {
	case http.StatusPreconditionFailed: // this node has not seen yet what we have seen at another
		return true, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil {
			return false, nil // a time of day is not what Vault says, and no header means that the pool's backoff decides
		}
		deadline, limited := waiterOf(ctx).Deadline()
		return !limited || time.Until(deadline) > time.Duration(after)*time.Second, nil
	default:
		return false, nil
	}
}

// waiterKey is where the context of a request that goes on for nobody has that of who asked for it.
type waiterKey struct{}

// waiterOf returns the context of whoever waits for a request.
func waiterOf(ctx context.Context) context.Context {
	if waiter, ok := ctx.Value(waiterKey{}).(context.Context); ok {
		return waiter
	}
	return ctx
}

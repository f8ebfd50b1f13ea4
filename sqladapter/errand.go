package sqladapter

import (
	"context"
	"errors"
	"time"
)

// errand is the context with which the adapter itself asks its *sql.DB for a connection. It travels to the connector and
// to ResetSession, which then know whom they serve.
type errand struct {
	context.Context
	adopts bool // a connection may be made of the spare session
}

// errNoIdle is what an errand gets when there is no idle connection.
var errNoIdle = errors.New("sqladapter: no idle connection")

// idleWait bounds the time for which an errand queues with callers, where one of them was faster.
const idleWait = time.Millisecond

type errandKey struct{}

// Value gives the errand itself to whoever asks for it.
func (e *errand) Value(key any) any {
	if key == (errandKey{}) {
		return e
	}
	return e.Context.Value(key)
}

// errandOf returns the errand that ctx belongs to, nil for a caller's context.
func errandOf(ctx context.Context) *errand {
	e, _ := ctx.Value(errandKey{}).(*errand)
	return e
}

package sqladapter

import (
	"context"
	"errors"
	"sync/atomic"
)

// errand is the context with which the adapter itself asks its *sql.DB for a connection. It travels to the connector and
// to ResetSession, which then know whom they serve.
type errand struct {
	context.Context
	adopts bool // a connection may be made of the spare session
	waits  bool // for one that comes home
	asked  atomic.Int32
}

// errNoIdle is what an errand gets when there is no idle connection.
var errNoIdle = errors.New("sqladapter: no idle connection")

// closedChan is the Done channel of an errand that does not wait.
var closedChan = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// Done makes an errand fail where a caller would queue for a connection. database/sql asks once whether the context has
// ended before it looks for an idle connection, and once more when it has found none.
func (e *errand) Done() <-chan struct{} {
	if e.waits || e.asked.Add(1) == 1 {
		return e.Context.Done()
	}
	return closedChan
}

// Err says why Done is closed.
func (e *errand) Err() error {
	if err := e.Context.Err(); err != nil || e.waits || e.asked.Load() < 2 {
		return err
	}
	return errNoIdle
}

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

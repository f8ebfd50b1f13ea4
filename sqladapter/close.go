package sqladapter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rekeyhq/rekey"
)

// Times of an end.
const (
	// drainShare is the part of Shutdown's time in which connections may come home by themselves.
	drainShare = 0.8
	// cutOffGrace is the wait for sessions to end after each was closed under its user.
	cutOffGrace = 500 * time.Millisecond
)

// closing is the end of an adapter. It happens once.
type closing struct {
	begin  sync.Once
	begun  atomic.Bool   // nothing is refreshed any more
	hurry  chan struct{} // closed when connections need not come home any more
	hasten sync.Once
	dials  context.Context // of every login; it ends with the beginning of the end
	cancel context.CancelFunc
	ended  chan struct{} // sent to when a session has ended, after begun
	done   chan struct{} // closed when all is over
	err    error         // set before done is closed
}

func newClosing() *closing {
	dials, cancel := context.WithCancel(context.Background())
	return &closing{
		hurry: make(chan struct{}), dials: dials, cancel: cancel,
		ended: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// bound returns a context that ends with ctx, or when the adapter begins to close.
func (c *closing) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.dials, cancel)
	return ctx, func() { stop(); cancel() }
}

// look makes the end look whether the last session has ended.
func (c *closing) look() {
	select {
	case c.ended <- struct{}{}:
	default:
	}
}

// shutdown is DB.Shutdown.
func (a *adapter) shutdown(ctx context.Context) error {
	a.closing.begin.Do(func() {
		a.closing.begun.Store(true)
		go a.end()
	})
	drained, cancel := drainContext(ctx)
	defer cancel()
	select {
	case <-a.closing.done:
	case <-drained.Done():
	}
	a.closing.hasten.Do(func() { close(a.closing.hurry) })
	select {
	case <-a.closing.done:
		return a.closing.err
	case <-ctx.Done():
		return fmt.Errorf("sqladapter: shutdown did not end in time: %w", ctx.Err())
	}
}

// drainContext ends when connections have had their time to come home.
func drainContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(drainShare*float64(time.Until(deadline))))
}

// end is the end of the adapter, in a goroutine of its own.
func (a *adapter) end() {
	defer close(a.closing.done)
	a.engine.Cancel()
	a.closing.cancel()
	a.sessions.close()
	a.ends.Kick() // the end of the login in use is its to call now
	closed := make(chan struct{})
	go func() { // the goodbye of an idle connection may hang, until that is cut off
		defer close(closed)
		a.db.Close()
	}()
	stopped := make(chan struct{})
	go func() { // which may wait for such a goodbye, too
		defer close(stopped)
		a.handover.stop()
		a.pings.Stop()
	}()
	abandoned := a.awaitSessions()
	<-stopped
	<-closed
	a.ends.Stop()
	a.reports.Stop()
	err := a.engine.StopInTime(a.closing.hurry)
	a.forgetVerified()
	a.closing.err = errors.Join(err, a.engine.GiveBack(a.sessions.len()))
	a.tell(rekey.ClosedEvent{Abandoned: abandoned})
}

// awaitSessions waits until the last session has ended, and returns how many were closed under their users.
func (a *adapter) awaitSessions() (abandoned int) {
	for a.sessions.len() > 0 {
		select {
		case <-a.closing.ended:
			continue
		case <-a.closing.hurry:
		}
		abandoned = a.cutOffAll(nil)
		limit := time.NewTimer(cutOffGrace)
		defer limit.Stop()
		for a.sessions.len() > 0 {
			select {
			case <-a.closing.ended:
			case <-limit.C:
				return abandoned
			}
		}
	}
	return abandoned
}

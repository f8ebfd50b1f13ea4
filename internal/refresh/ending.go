package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// endTimeout bounds what the source still does, and then giving credentials back, where the caller sets no
	// limit.
	endTimeout = 10 * time.Second
	// endGrace is what either gets beyond the caller's limit.
	endGrace = 100 * time.Millisecond
)

// StopInTime is Stop for the end of a pool: it waits for what the source still does, for ten seconds at the most, and not
// much longer than until hurry is closed.
func (e *Engine) StopInTime(hurry <-chan struct{}) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-hurry:
			time.AfterFunc(endGrace, cancel)
		case <-stop:
		}
	}()
	return e.Stop(ctx)
}

// GiveBack is RetireAll for the end of a pool that has inUse connections left: while there are any, no credential is given
// back. It takes ten seconds at the most.
func (e *Engine) GiveBack(inUse int) error {
	if inUse > 0 {
		e.Abandon()
		return fmt.Errorf("rekey: %d connections are still open, out of the pool's reach perhaps: no credential was given back", inUse)
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTimeout)
	defer cancel()
	retired := make(chan error, 1)
	go func() { retired <- e.RetireAll(ctx) }() // a source may ignore its context
	select {
	case err := <-retired:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-retired:
		return err
	case <-time.After(endGrace):
		return errors.New("rekey: the source did not return in time from taking its credentials back")
	}
}

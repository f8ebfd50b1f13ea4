package managedpool

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
	// cutOffGrace is the wait for pgxpool after every connection was closed under its user.
	cutOffGrace = 100 * time.Millisecond
)

// closing is the end of a pool. It happens once; Close waits for it, and Shutdown hurries it.
type closing struct {
	begin  sync.Once
	begun  atomic.Bool   // nothing is refreshed any more
	all    atomic.Bool   // hijacked connections are closed as well
	hurry  chan struct{} // closed when connections need not come home any more
	hasten sync.Once
	dials  context.Context // of every login; it ends with the beginning of the end
	cancel context.CancelFunc
	done   chan struct{} // closed when all is over
	err    error         // set before done is closed
}

func newClosing() closing {
	dials, cancel := context.WithCancel(context.Background())
	return closing{hurry: make(chan struct{}), dials: dials, cancel: cancel, done: make(chan struct{})}
}

// bound returns a context that ends with ctx, or when the pool begins to close.
func (c *closing) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.dials, cancel)
	return ctx, func() { stop(); cancel() }
}

// Close closes the pool as pgxpool does: it rejects further acquires and waits for all connections to come
// back, however long that takes, then gives the credentials back. Meanwhile nothing is refreshed, and what is still
// in use when its credential ends is closed then; use Shutdown where connections may be held for long. Hijacked
// connections stay their owners'; while there are any, no credential is given back. It may be called again.
func (p *Pool) Close() {
	p.beginClosing()
	<-p.closing.done
}

// Shutdown ends everything that the pool has started, within ctx: it waits for connections to come back for
// four fifths of the time that ctx has, then cancels what is left, hijacked connections included, closes it
// under its users, and gives the credentials back. An error says what did not end well; the pool is closed all
// the same. It may be called again, and after Close to hurry that.
//
// A caller who never gives his connection back keeps one goroutine of pgxpool waiting until he does, and so are
// callers who wait for a connection without a deadline, as in pgxpool; the connections themselves are closed.
func (p *Pool) Shutdown(ctx context.Context) error {
	p.closing.all.Store(true)
	p.beginClosing()
	drained, cancel := drainContext(ctx)
	defer cancel()
	select {
	case <-p.closing.done:
	case <-drained.Done():
	}
	p.closing.hasten.Do(func() { close(p.closing.hurry) })
	select {
	case <-p.closing.done:
		return p.closing.err
	case <-ctx.Done():
		return fmt.Errorf("managedpool: shutdown did not end in time: %w", ctx.Err())
	}
}

// drainContext ends when connections have had their time to come home.
func drainContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	share := time.Duration(drainShare * float64(time.Until(deadline)))
	return context.WithTimeout(ctx, share)
}

func (p *Pool) beginClosing() {
	p.closing.begin.Do(func() {
		p.closing.begun.Store(true)
		p.router.line.wakeAll()
		go p.close()
	})
}

// close is the end of the pool, in a goroutine of its own.
func (p *Pool) close() {
	defer close(p.closing.done)
	p.engine.Cancel()
	p.closing.cancel()
	p.ends.Kick() // the end of the login in use is its to call now
	p.closeInner()
	p.handover.stop()
	abandoned := p.awaitInner()
	if p.closing.all.Load() {
		abandoned += p.cutOffAll() // what callers have taken out of the pool for good
	}
	p.ends.Stop()
	p.pings.Stop()
	p.reports.Stop()
	err := p.engine.StopInTime(p.closing.hurry)
	p.forgetVerified()
	p.closeLate()
	p.sessions.awaitLeaving()
	p.sessions.stop()
	p.closing.err = errors.Join(err, p.engine.GiveBack(p.sessions.len()))
	p.tell(rekey.ClosedEvent{Abandoned: abandoned})
}

// closeInner begins to close every pgxpool: from now on none gives a connection.
func (p *Pool) closeInner() {
	for _, b := range p.open() {
		p.retiring.Go(b.close)
	}
}

// awaitInner waits until that is done, and returns how many connections were closed under their users.
func (p *Pool) awaitInner() int {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.retiring.Wait()
	}()
	select {
	case <-closed:
		return 0
	case <-p.closing.hurry:
	}
	abandoned := p.cutOffAll()
	timer := time.NewTimer(cutOffGrace)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
	return abandoned
}

// closeLate closes a pgxpool that was published while the others were being closed. It has no connections.
func (p *Pool) closeLate() {
	for _, b := range p.open() {
		if !b.closed.Load() {
			b.close()
		}
	}
}

// cutOffAll closes every session that is left, and returns how many there were.
func (p *Pool) cutOffAll() int {
	left := p.sessions.of(func(*generation) bool { return true })
	var cuts sync.WaitGroup
	for _, s := range left {
		cuts.Go(func() { p.cutOff(s) })
	}
	cuts.Wait()
	return len(left)
}

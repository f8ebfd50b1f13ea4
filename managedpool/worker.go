package managedpool

import (
	"context"
	"sync"
	"time"
)

// longestPause is how long a worker waits at the most before it looks again: timers stop while a machine sleeps.
const longestPause = time.Second

// worker is a goroutine of the pool that runs only while there is something to do.
type worker struct {
	work   func() // returns when nothing is left to do before the next kick, or when ctx ends
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // a kick while work was running
	done   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	running bool
	again   bool // something has changed since work last began
	stopped bool
}

func newWorker(work func()) *worker {
	w := &worker{work: work, wake: make(chan struct{}, 1)}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// kick makes the worker look, and starts it if it does not run. It does not wait.
func (w *worker) kick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.again = true
	if !w.running {
		w.running = true
		w.done.Go(w.run)
		return
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// stop ends the worker and waits for it.
func (w *worker) stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cancel()
	w.done.Wait()
}

func (w *worker) run() {
	for w.looksAgain() {
		w.work()
	}
}

// looksAgain reports whether there is something to do; if not, the goroutine is over.
func (w *worker) looksAgain() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.again && !w.stopped {
		w.again = false
		return true
	}
	w.running = false
	return false
}

// pause waits for a kick, for d, or for the worker's end, and reports whether it was a kick.
func (w *worker) pause(d time.Duration) (kicked bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.wake:
		return true
	case <-timer.C:
	case <-w.ctx.Done():
	}
	return false
}

// pauseUntil is pause until t, and never long; the zero time is far away.
func (w *worker) pauseUntil(t time.Time) (kicked bool) {
	d := longestPause
	if !t.IsZero() {
		d = max(0, min(d, time.Until(t)))
	}
	return w.pause(d)
}

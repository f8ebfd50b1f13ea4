// Package worker runs what a pool does beside its callers.
package worker

import (
	"context"
	"sync"
	"time"
)

// LongestPause is how long a worker waits at the most before it looks again: timers stop while a machine sleeps.
const LongestPause = time.Second

// Worker is a goroutine that runs only while there is something to do.
type Worker struct {
	work   func()          // returns when nothing is left to do before the next kick, or when Ctx ends
	Ctx    context.Context // ends with Stop
	cancel context.CancelFunc
	Wake   chan struct{} // a kick while work was running; work may receive from it
	done   sync.WaitGroup

	mu      sync.Mutex // guards the fields below
	running bool
	again   bool // something has changed since work last began
	stopped bool
}

// New makes a worker that does nothing before its first kick.
func New(work func()) *Worker {
	w := &Worker{work: work, Wake: make(chan struct{}, 1)}
	w.Ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// Kick makes the worker look, and starts it if it does not run. It does not wait.
func (w *Worker) Kick() {
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
	case w.Wake <- struct{}{}:
	default:
	}
}

// Stop ends the worker and waits for it.
func (w *Worker) Stop() {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	w.cancel()
	w.done.Wait()
}

func (w *Worker) run() {
	for w.looksAgain() {
		w.work()
	}
}

// looksAgain reports whether there is something to do; if not, the goroutine is over.
func (w *Worker) looksAgain() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.again && !w.stopped {
		w.again = false
		return true
	}
	w.running = false
	return false
}

// Pause waits for a kick, for d, or for the worker's end, and reports whether it was a kick.
func (w *Worker) Pause(d time.Duration) (kicked bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.Wake:
		return true
	case <-timer.C:
	case <-w.Ctx.Done():
	}
	return false
}

// PauseUntil is Pause until t, and never long; the zero time is far away.
func (w *Worker) PauseUntil(t time.Time) (kicked bool) {
	d := LongestPause
	if !t.IsZero() {
		d = max(0, min(d, time.Until(t)))
	}
	return w.Pause(d)
}

package load

import (
	"sync"
	"time"
)

// Recorder keeps every operation of a run: they are few enough, and what counts is known only at the end. It is safe for
// concurrent use.
type Recorder struct {
	mu  sync.Mutex // guards ops
	ops []Op
}

// NewRecorder has room for about that many.
func NewRecorder(room int) *Recorder { return &Recorder{ops: make([]Op, 0, room)} }

func (r *Recorder) record(op Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// Result sums up, when nothing runs any more. began is the run's beginning; failures after since count for the last
// failure.
func (r *Recorder) Result(began time.Time, kills []Kill) *Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	res := newResult(began)
	for _, op := range r.ops {
		res.add(op, OutcomeOf(op, kills))
	}
	res.finish(r.ops)
	return res
}

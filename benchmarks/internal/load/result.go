package load

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// binWidth is how finely latency over time is kept.
const binWidth = 20 * time.Millisecond

// Result is how a run went.
type Result struct {
	// Latency is that of all operations, in microseconds from when each was due. One that failed counts as long as its
	// caller would have waited at most, or as long as it took if that is longer: to fail at once is not fast.
	Latency *hdrhistogram.Histogram

	Ops      int
	Outcomes [5]int // by Outcome

	// LastFailure is when the last operation failed (killed ones aside), since the run began; negative if none did.
	LastFailure time.Duration

	// WorstStall is the longest time in which no operation succeeded, between the first due and the last ended.
	WorstStall time.Duration

	// Worst is the highest latency of those that were due in each bin, over time.
	Worst []Point

	// Errors are the first few failures' texts, each once.
	Errors []string

	began time.Time
}

// Point is a figure at a time since the run began.
type Point struct {
	At    time.Duration
	Value time.Duration
}

// keptErrors is how many different ones are kept.
const keptErrors = 5

func newResult(began time.Time) *Result {
	return &Result{began: began, Latency: NewHistogram(), LastFailure: -1}
}

// NewHistogram is of microseconds, up to a minute, to three digits.
func NewHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, time.Minute.Microseconds(), 3)
}

func (r *Result) add(op Op, out Outcome) {
	r.Ops++
	r.Outcomes[out]++
	took := op.Ended.Sub(op.Due)
	if out != Succeeded && out != Killed {
		took = max(took, op.Deadline)
	}
	r.Latency.RecordValue(max(1, took.Microseconds()))
	r.bin(op.Due.Sub(r.began), took)
	if out == Succeeded || out == Killed {
		return
	}
	r.LastFailure = max(r.LastFailure, op.Ended.Sub(r.began))
	if text := op.Err.Error(); len(r.Errors) < keptErrors && !slices.Contains(r.Errors, text) {
		r.Errors = append(r.Errors, text)
	}
}

func (r *Result) bin(at, took time.Duration) {
	n := int(max(0, at) / binWidth)
	for len(r.Worst) <= n {
		r.Worst = append(r.Worst, Point{At: time.Duration(len(r.Worst)) * binWidth})
	}
	r.Worst[n].Value = max(r.Worst[n].Value, took)
}

// finish looks at all operations once more, in the order of their ends.
func (r *Result) finish(ops []Op) {
	if len(ops) == 0 {
		return
	}
	slices.SortFunc(ops, func(a, b Op) int { return a.Ended.Compare(b.Ended) })
	last := ops[0].Due
	for _, op := range ops {
		last = earlier(last, op.Due)
	}
	for _, op := range ops {
		if op.Err == nil {
			r.WorstStall = max(r.WorstStall, op.Ended.Sub(last))
			last = op.Ended
		}
	}
	r.WorstStall = max(r.WorstStall, ops[len(ops)-1].Ended.Sub(last))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Failures is how many operations failed: all but those that were cut off when their sessions were ended.
func (r *Result) Failures() int {
	return r.Outcomes[Late] + r.Outcomes[Unconnected] + r.Outcomes[Failed]
}

// Quantile is a percentile of the latency.
func (r *Result) Quantile(percentile float64) time.Duration {
	return time.Duration(r.Latency.ValueAtQuantile(percentile)) * time.Microsecond
}

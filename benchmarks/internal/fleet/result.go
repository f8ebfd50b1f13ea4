package fleet

import "time"

// Result is what was counted.
type Result struct {
	// Fetches, Renewals and Revocations are what the source was asked for.
	Fetches, Renewals, Revocations Rate
	// Usable is how many instances had a credential that works, at the end of each second.
	Usable []int

	now int // that have one
}

// Rate counts requests in each second.
type Rate []int

func newResult(length time.Duration) *Result {
	seconds := int((length + time.Second - 1) / time.Second)
	return &Result{
		Fetches: make(Rate, seconds), Renewals: make(Rate, seconds), Revocations: make(Rate, seconds),
		Usable: make([]int, seconds),
	}
}

func (r Rate) add(at time.Duration) {
	if n := int(at / time.Second); n < len(r) {
		r[n]++
	}
}

func (r *Result) usable(yes bool) {
	if yes {
		r.now++
	} else {
		r.now--
	}
}

// pass notes that nothing has changed from one time to another.
func (r *Result) pass(from, to time.Duration) {
	for n := int(from / time.Second); n < int(to/time.Second); n++ {
		r.Usable[n] = r.now
	}
}

// Requests adds up all that the source was asked for.
func (r *Result) Requests() Rate {
	sum := make(Rate, len(r.Fetches))
	for n := range sum {
		sum[n] = r.Fetches[n] + r.Renewals[n] + r.Revocations[n]
	}
	return sum
}

// LeastUsable is the least number of instances that had a credential, in a window.
func (r *Result) LeastUsable(w Window) int {
	least := r.Usable[w.From/time.Second]
	for _, n := range r.Usable[w.From/time.Second : w.To/time.Second] {
		least = min(least, n)
	}
	return least
}

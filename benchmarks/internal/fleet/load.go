package fleet

import "time"

// Load is what a source bears in a window of time.
type Load struct {
	Requests   int
	Mean       float64 // a second
	PeakSecond float64 // in the worst second
	PeakMinute float64 // a second, over the worst minute
}

// Over returns the load in a window of whole seconds.
func (r Rate) Over(w Window) Load {
	part := r[w.From/time.Second : min(len(r), int(w.To/time.Second))]
	var l Load
	for _, n := range part {
		l.Requests += n
	}
	l.Mean = float64(l.Requests) / float64(max(1, len(part)))
	l.PeakSecond, l.PeakMinute = part.most(1), part.most(60)
	return l
}

// most is the highest rate, a second, over so many seconds in a row.
func (r Rate) most(seconds int) float64 {
	sum, most := 0, 0
	for n, count := range r {
		sum += count
		if n >= seconds {
			sum -= r[n-seconds]
		}
		most = max(most, sum)
	}
	return float64(most) / float64(max(1, min(seconds, len(r))))
}

// Thin returns the mean and the highest rate, a second, of bins of a length in seconds.
func (r Rate) Thin(seconds int) (means, peaks []float64) {
	for len(r) > 0 {
		bin := r[:min(seconds, len(r))]
		r = r[len(bin):]
		sum, most := 0, 0
		for _, n := range bin {
			sum += n
			most = max(most, n)
		}
		means = append(means, float64(sum)/float64(len(bin)))
		peaks = append(peaks, float64(most))
	}
	return means, peaks
}

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// quantiles are the percentiles that the table shows.
var quantiles = []float64{50, 99, 99.9}

// table collects the rounds of each contender, by name and in the order of their coming.
type table struct {
	names  []string
	rounds map[string][]result
}

func (t *table) add(name string, r result) {
	if !slices.Contains(t.names, name) {
		t.names = append(t.names, name)
	}
	t.rounds[name] = append(t.rounds[name], r)
}

// print shows every contender against the first.
func (t *table) print(to io.Writer, o options) {
	fmt.Fprintf(to, "%s, %d connections and %d of headroom, a rotation every %v, %d rounds of %v\n",
		o.scenario, o.conns, o.headroom, o.every, o.rounds, o.length)
	w := tabwriter.NewWriter(to, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\t\tms\trange\tratio of medians\tmedian of ratios\tfailed\t")
	first := t.rounds[t.names[0]]
	for _, q := range quantiles {
		plain := values(first, q)
		for _, name := range t.names {
			v := values(t.rounds[name], q)
			fmt.Fprintf(w, "p%v\t%s\t%.2f\t%s\t%.2f\t%.2f\t%d\t\n", q, name, median(v), span(v),
				median(v)/median(plain), median(ratios(v, plain)), failed(t.rounds[name]))
		}
	}
	w.Flush()
}

// values returns one percentile of each round, in milliseconds.
func values(rounds []result, q float64) []float64 {
	var out []float64
	for _, r := range rounds {
		out = append(out, float64(r.latency.ValueAtQuantile(q))/1000)
	}
	return out
}

func ratios(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] / b[i]
	}
	return out
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func span(v []float64) string { return fmt.Sprintf("%.2f–%.2f", slices.Min(v), slices.Max(v)) }

func failed(rounds []result) int {
	n := 0
	for _, r := range rounds {
		n += r.failed
	}
	return n
}

func line(r result) string {
	q := func(p float64) time.Duration { return time.Duration(r.latency.ValueAtQuantile(p)) * time.Microsecond }
	return fmt.Sprintf("n=%d p50=%v p99=%v p99.9=%v failed=%d", r.latency.TotalCount(), q(50), q(99), q(99.9), r.failed)
}

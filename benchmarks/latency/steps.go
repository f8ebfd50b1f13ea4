package main

import (
	"fmt"
	"time"

	"github.com/rekeyhq/rekey"
)

// steps is where the time of one round went.
type steps struct {
	trigger rekey.Trigger // what began the refresh
	notice  time.Duration // from the change to the beginning of the refresh
	fetch   time.Duration // asking the source, alternates included
	verify  time.Duration // login and probe
	publish time.Duration // what the engine needs besides, until every new connection uses the credential
	hand    time.Duration // hand-over: from there to the pool's first connection
}

// step is one column.
type step struct {
	name string
	of   func(steps) time.Duration
}

// columns are the parts, in their order, and the sums that count.
var columns = []step{
	{"notice", func(s steps) time.Duration { return s.notice }},
	{"fetch", func(s steps) time.Duration { return s.fetch }},
	{"verify", func(s steps) time.Duration { return s.verify }},
	{"publish", func(s steps) time.Duration { return s.publish }},
	{"hand-over", func(s steps) time.Duration { return s.hand }},
	{"total", steps.total},
	{"after the notice", steps.afterNotice},
}

func (s steps) total() time.Duration { return s.notice + s.afterNotice() }

func (s steps) afterNotice() time.Duration { return s.fetch + s.verify + s.publish + s.hand }

// result is what the rounds of one way came to. A floor was taken just before each round.
type result struct {
	way    way
	floors []time.Duration
	steps  []steps
}

// of returns one column, in milliseconds.
func (r result) of(c step) []float64 {
	var out []float64
	for _, s := range r.steps {
		out = append(out, milliseconds(c.of(s)))
	}
	return out
}

// floor returns the floors, in milliseconds.
func (r result) floor() []float64 {
	var out []float64
	for _, f := range r.floors {
		out = append(out, milliseconds(f))
	}
	return out
}

// triggers is what began the refreshes, each once.
func (r result) triggers() string {
	var out string
	seen := map[rekey.Trigger]bool{}
	for _, s := range r.steps {
		if !seen[s.trigger] {
			seen[s.trigger] = true
			if out != "" {
				out += ", "
			}
			out += string(s.trigger)
		}
	}
	return out
}

// String is for the progress.
func (r result) String() string {
	total, after, floor := quantile(r.of(columns[5]), 50), quantile(r.of(columns[6]), 50), quantile(r.floor(), 50)
	return fmt.Sprintf("%d rounds, %.1f ms, of which %.1f after the notice; floor %.1f ms", len(r.steps), total, after, floor)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

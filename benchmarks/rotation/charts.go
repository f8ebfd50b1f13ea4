package main

import (
	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
)

// percentiles are where the curves have their points.
var percentiles = []float64{0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.75, 99.9, 99.95, 99.99}

// charts are one scenario's pictures.
func (o options) charts(s scenario.Scenario, seen map[string][]*outcome) []report.Chart {
	ms := report.Axis{Label: "latency, ms", Log: true}
	curves := report.Chart{ID: "percentiles", Title: "Latency by percentile, all rounds", Kind: report.Percentile,
		X: report.Axis{Label: "percentile"}, Y: ms}
	over := report.Chart{ID: "latency", Title: "The slowest operation of each 20 ms, first round", Kind: report.Line,
		X: report.Axis{Label: "time, s"}, Y: ms}
	sessions := report.Chart{ID: "sessions", Title: "Sessions on the server, first round", Kind: report.Step,
		X: report.Axis{Label: "time, s"}, Y: report.Axis{Label: "sessions"}}
	for _, c := range o.contenders {
		rounds := seen[c.ID]
		if len(rounds) == 0 {
			continue
		}
		curves.Series = append(curves.Series, named(c, quantilesOf(rounds)))
		over.Series = append(over.Series, named(c, overTime(rounds[0])))
		sessions.Series = append(sessions.Series, named(c, sessionsOf(rounds[0])))
		if len(over.Marks) == 0 {
			over.Marks = marksOf(rounds[0])
			sessions.Marks = over.Marks
		}
	}
	if s.Cold {
		return []report.Chart{curves, sessions}
	}
	return []report.Chart{over, curves, sessions}
}

func named(c contender.Contender, s report.Series) report.Series {
	s.Name, s.Ours, s.Floor = c.Name, c.Ours, c.Floor
	return s
}

func quantilesOf(rounds []*outcome) (s report.Series) {
	all := load.NewHistogram()
	for _, o := range rounds {
		all.Merge(o.Latency)
	}
	for _, p := range percentiles {
		if p > 50 && float64(all.TotalCount())*(1-p/100) < 1 {
			break // fewer operations than that says something about
		}
		s.X = append(s.X, p)
		s.Y = append(s.Y, float64(all.ValueAtQuantile(p))/1000)
	}
	return s
}

func overTime(o *outcome) (s report.Series) {
	for _, p := range o.Worst {
		if p.Value > 0 {
			s.X = append(s.X, p.At.Seconds())
			s.Y = append(s.Y, p.Value.Seconds()*1000)
		}
	}
	return s
}

// sessionsOf leaves out counts that repeat the one before.
func sessionsOf(o *outcome) (s report.Series) {
	for i, c := range o.sessions {
		if last := i == len(o.sessions)-1; i > 0 && !last && c.N == o.sessions[i-1].N {
			continue
		}
		s.X = append(s.X, c.At.Seconds())
		s.Y = append(s.Y, float64(c.N))
	}
	return s
}

func marksOf(o *outcome) (marks []report.Mark) {
	for _, m := range o.marks {
		marks = append(marks, report.Mark{X: m.At.Seconds(), Label: m.Label})
	}
	return marks
}

package main

import (
	"math"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// bin is how many seconds of a simulation one point of a chart stands for.
const bin = 60

// leastShown is the lowest rate on a logarithmic axis, where nothing is not.
const leastShown = 0.1

// requests is the rate over time, from a while before something happens.
func (s simulated) requests() report.Chart {
	c := report.Chart{
		ID: s.id, Title: "Requests at the source: " + s.title, Text: s.text, Kind: report.Line,
		X: report.Axis{Label: "hours"}, Y: report.Axis{Label: "requests a second", Log: len(s.windows) > 1},
	}
	means, peaks := s.result.Requests().Thin(bin)
	floor := 0.0
	if c.Y.Log {
		floor = leastShown
		c.Marks = append(c.Marks, report.Mark{X: 0})
	}
	c.Series = []report.Series{
		{Name: "worst second of each minute", X: s.hours(len(peaks)), Y: atLeast(peaks, floor)},
		{Name: "mean of each minute", Ours: true, X: s.hours(len(means)), Y: atLeast(means, floor)},
	}
	s.cut(&c)
	return c
}

// usable is how many instances have a login, over time.
func (s simulated) usable() report.Chart {
	c := report.Chart{
		ID: "usable", Title: "Instances with a login: " + s.title, Kind: report.Line,
		X: report.Axis{Label: "hours"}, Y: report.Axis{Label: "instances"}, Marks: []report.Mark{{X: 0}},
	}
	var y []float64
	for n := 0; n < len(s.result.Usable); n += bin {
		y = append(y, float64(s.result.Usable[n]))
	}
	c.Series = []report.Series{{Name: "with a login", Ours: true, X: s.hours(len(y)), Y: y}}
	s.cut(&c)
	return c
}

// hours are the beginnings of the bins, counted from when something happens.
func (s simulated) hours(bins int) []float64 {
	x := make([]float64, bins)
	for n := range x {
		x[n] = float64(n)*bin/time.Hour.Seconds() - s.at.Hours()
	}
	return x
}

// cut leaves out what comes more than half a lease before the first window.
func (s simulated) cut(c *report.Chart) {
	first := (s.windows[0].From - s.config.Lease/2 - s.at).Hours()
	for i, series := range c.Series {
		n := 0
		for n < len(series.X) && series.X[n] < first {
			n++
		}
		c.Series[i].X, c.Series[i].Y = series.X[n:], series.Y[n:]
	}
}

func atLeast(y []float64, least float64) []float64 {
	out := make([]float64, len(y))
	for n := range y {
		out[n] = math.Max(y[n], least)
	}
	return out
}

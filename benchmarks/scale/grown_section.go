package main

import (
	"fmt"
	"strconv"

	"github.com/rekeyhq/rekey/benchmarks/internal/fit"
	"github.com/rekeyhq/rekey/benchmarks/internal/growth"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

const growthText = `Each size has a process of its own: what is measured is what the pools add to it, after a garbage collection. The floor is as ` +
	`many pools of plain pgxpool, whose rotation is the least that it can be: each connection closed and made anew, nothing verified. A rotation's ` +
	`CPU is the client's, most of it TLS and SCRAM; what the process uses at rest is not in it.`

func (g *grown) section() report.Section {
	s := report.Section{ID: "growth", Title: "Pools in one process", Text: growthText, Tables: []report.Table{g.perPool(), g.lines(), g.after()}}
	for n, m := range measures {
		s.Charts = append(s.Charts, g.chart(n, m))
	}
	return s
}

// perPool is what each pool costs, by how many there are.
func (g *grown) perPool() report.Table {
	table := report.Table{ID: "each", Title: "For each pool", Key: "pools", Columns: []report.Column{
		{Name: "heap", Unit: "KB"}, {Name: "stacks", Unit: "KB"}, {Name: "resident", Unit: "KB", Help: "zero where the system does not tell"},
		{Name: "goroutines"}, {Name: "CPU at rest", Unit: "µs/s"},
		{Name: "CPU a rotation", Unit: report.Milliseconds, Help: "of the client's process"},
		{Name: "time a rotation", Unit: report.Milliseconds, Help: "the median of all; several are under way at a time"},
	}}
	for n, ours := range g.ours {
		if n < len(g.plain) {
			row := table.Add(strconv.Itoa(ours.pools)+" pgxpool", cellsOf(g.plain[n], g.plain[n])...)
			row.Floor = true
		}
		row := table.Add(strconv.Itoa(ours.pools)+" managedpool", cellsOf(ours, sizedAt(g.plain, n))...)
		row.Ours = true
	}
	return table
}

func sizedAt(list []sized, n int) sized {
	if n < len(list) {
		return list[n]
	}
	return sized{}
}

func cellsOf(s, floor sized) []report.Value {
	cell := func(scale float64, of func(growth.Result) float64) report.Value {
		scaled := func(r growth.Result) float64 { return scale * of(r) }
		return report.Spread(s.each(scaled)).Over(s.each(scaled), floor.each(scaled))
	}
	var cells []report.Value
	for _, m := range measures[:4] {
		cells = append(cells, cell(1, m.of))
	}
	cells = append(cells, cell(1e6, func(r growth.Result) float64 { return r.Rest }), cell(1, measures[5].of))
	wall := func(r growth.Result) float64 { return 1000 * report.Median(r.Wall) }
	return append(cells, report.Spread(s.all(wall)).Over(s.all(wall), floor.all(wall)))
}

// lines says whether growth is linear.
func (g *grown) lines() report.Table {
	table := report.Table{ID: "linear", Title: "Is it linear?", Key: "managedpool", Columns: []report.Column{
		{Name: "each pool"}, {Name: "a process without", Help: "where the line begins, beyond what the process has anyhow"},
		{Name: "R²"}, {Name: "farthest from the line", Unit: report.Percent, Help: "of sizes of a hundred and more, where there are any"},
		{Name: "exponent", Help: "k, where the cost grows as the size to the power of k, from the first size of a hundred and more to the largest"},
	}}
	table.Note = "The line is the one of least squares through all sizes. An exponent of 1 is linear, 2 quadratic; it sees what R² does not, because the largest size outweighs the others in that."
	for _, m := range measures {
		x, y := g.points(g.ours, m)
		line := fit.Linear(x, y)
		name := m.name
		if m.unit != "" {
			name += ", " + m.unit
		}
		table.Add(name, figure(line.Slope), figure(line.Intercept), r2(line.R2), figure(100*farthest(line, x, y)), figure(exponent(x, y)))
	}
	return table
}

// points are the medians.
func (g *grown) points(list []sized, m measure) (x, y []float64) {
	for _, s := range list {
		x, y = append(x, float64(s.pools)), append(y, report.Median(s.all(m.of)))
	}
	return x, y
}

// figure is a number that may not be there, as that of a line through one point.
func figure(x float64) report.Value {
	if x != x {
		return report.None()
	}
	return report.Number(x)
}

// r2 needs more digits than others: those after the nines count.
func r2(x float64) report.Value {
	if x != x {
		return report.None()
	}
	return report.Text(fmt.Sprintf("%.4f", x))
}

// farthest is how far the large sizes lie from the line at most: with few pools, what does not depend on their number counts.
func farthest(line fit.Line, x, y []float64) float64 {
	n := large(x)
	return line.Off(x[n:], y[n:])
}

// large is where the sizes of a hundred and more begin, where there are two of them; else all are.
func large(x []float64) int {
	for i := range len(x) - 1 {
		if x[i] >= 100 {
			return i
		}
	}
	return 0
}

// exponent compares the largest size with the first of the large ones.
func exponent(x, y []float64) float64 {
	n, last := large(x), len(x)-1
	return fit.Exponent(x[n], y[n], x[last], y[last])
}

// after says what the rotations have left behind.
func (g *grown) after() report.Table {
	table := report.Table{ID: "after", Title: "After the rotations, and after the end", Key: "pools of managedpool", Columns: []report.Column{
		{Name: "rotations", Unit: report.Count},
		{Name: "heap before", Unit: "KB"}, {Name: "heap after", Unit: "KB", Help: "the rotations; of all pools together"},
		{Name: "goroutines before", Unit: report.Count}, {Name: "goroutines after", Unit: report.Count},
		{Name: "goroutines left", Unit: report.Count, Help: "after all pools were closed"},
	}}
	for _, s := range g.ours {
		cell := func(of func(growth.Result) float64) report.Value { return report.Spread(s.all(of)) }
		table.Add(strconv.Itoa(s.pools),
			cell(func(r growth.Result) float64 { return float64(r.Rotations) }),
			cell(func(r growth.Result) float64 { return kilobytes(r.Heap) }),
			cell(func(r growth.Result) float64 { return kilobytes(r.HeapAfter) }),
			cell(func(r growth.Result) float64 { return float64(r.Goroutines) }),
			cell(func(r growth.Result) float64 { return float64(r.GoroutinesAfter) }),
			cell(func(r growth.Result) float64 { return float64(r.GoroutinesLeft) }))
	}
	return table
}

// chart shows one measure of both kinds.
func (g *grown) chart(n int, m measure) report.Chart {
	label := m.name
	if m.unit != "" {
		label += ", " + m.unit
	}
	c := report.Chart{
		ID: [...]string{"heap", "stacks", "resident", "goroutines", "rest", "rotation"}[n], Title: m.name + ", of all pools", Kind: report.Line,
		X: report.Axis{Label: "pools"}, Y: report.Axis{Label: label},
	}
	ours, plain := report.Series{Name: "managedpool", Ours: true}, report.Series{Name: "pgxpool", Floor: true}
	ours.X, ours.Y = g.points(g.ours, m)
	plain.X, plain.Y = g.points(g.plain, m)
	c.Series = []report.Series{ours}
	if len(plain.X) > 0 {
		c.Series = append(c.Series, plain)
	}
	return c
}

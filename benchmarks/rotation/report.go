package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// unless is said of settings that scenarios may have their own of.
const unless = ", unless a scenario says otherwise"

// report makes tables and charts of what was seen.
func (o options) report(seen results) *report.Report {
	r := &report.Report{Tool: "rotation", Title: "Rotation under load"}
	r.Settle("connections of a pool", fmt.Sprintf("%d%s", o.Conns, unless))
	r.Settle("load", fmt.Sprintf("open, %g operations a second%s; a latency counts from when the operation was due", o.rate, unless))
	r.Settle("rounds", fmt.Sprintf("%d of %v or more, in turns; each cell has the median and the range of the rounds, and the same of their ratios to the floor: the plain pool of its kind, pgxpool or database/sql; "+
		"a percentile, and its ratio, is that of all rounds together, and the slowest is the slowest of all", o.Rounds, o.For))
	r.Settle("a rotation each", o.every.String()+", where there are several")
	r.Settle("a caller's deadline", scenario.Deadline.String())
	r.Settle("a call of the store", store.Latency.String())
	r.Settle("an old login lives on for", scenario.Overlap.String()+unless)
	r.Sections = append(r.Sections, o.overview(seen))
	for _, s := range o.scenarios {
		if len(seen[s.ID]) > 0 {
			r.Sections = append(r.Sections, o.section(s, seen[s.ID]))
		}
	}
	return r
}

// Names that the overview's tables and columns are found by.
const (
	failuresTable = "failed"
	tailTable     = "p999"
	stallTable    = "stall"
	sessionsTable = "sessions"
)

// overview has the contenders down and the scenarios across.
func (o options) overview(seen results) report.Section {
	s := report.Section{ID: "overview", Title: "Overview", Text: o.setups()}
	for _, kind := range []struct {
		id, title, column string
		unit              report.Unit
	}{
		{failuresTable, "Failed operations a turn", "failed", report.Count},
		{tailTable, "The tail of the latency", "", report.Milliseconds},
		{stallTable, "Worst stall", "worst stall", report.Milliseconds},
		{sessionsTable, "Sessions on the server, the most at once", "sessions", report.Count},
	} {
		table := report.Table{ID: kind.id, Title: kind.title, Key: "pool"}
		columns, names := make([]report.Table, 0, len(o.scenarios)), make([]string, 0, len(o.scenarios))
		for _, sc := range o.scenarios {
			from := o.table(sc, seen[sc.ID])
			column, name := kind.column, sc.Short
			if kind.id == tailTable {
				column = tail(from)
				name += ": " + column
			}
			table.Columns = append(table.Columns, report.Column{Name: name, Unit: kind.unit, Help: sc.Title})
			columns, names = append(columns, from), append(names, column)
		}
		for _, c := range o.contenders {
			row := table.Add(c.Name)
			row.Ours, row.Floor = c.Ours, c.Floor
			for n, from := range columns {
				v, ok := from.Cell(c.Name, names[n])
				if !ok {
					v = report.None()
				}
				row.Cells = append(row.Cells, v)
			}
		}
		s.Tables = append(s.Tables, table)
	}
	return s
}

// tail is the highest percentile that all rows of a scenario's table have; else the slowest.
func tail(t report.Table) string {
	for _, name := range []string{"p99.9", "p99"} {
		has := len(t.Rows) > 0
		for _, row := range t.Rows {
			v, _ := t.Cell(row.Name, name)
			has = has && v.Text == ""
		}
		if has {
			return name
		}
	}
	return "slowest"
}

func (o options) setups() string {
	lines := []string{}
	for _, c := range o.contenders {
		lines = append(lines, c.Name+": "+c.Text)
	}
	return strings.Join(lines, "\n\n")
}

func (o options) section(s scenario.Scenario, seen map[string][]*outcome) report.Section {
	return report.Section{
		ID: s.ID, Title: s.Title, Text: s.Text, Tables: o.tables(s, seen), Charts: o.charts(s, seen),
	}
}

// tables are the figures, and what failures said where there were any.
func (o options) tables(s scenario.Scenario, seen map[string][]*outcome) []report.Table {
	all := []report.Table{o.table(s, seen)}
	if said := o.said(seen); len(said.Rows) > 0 {
		all = append(all, said)
	}
	return all
}

// figure is a column of a scenario's table.
type figure struct {
	report.Column
	of    func(*outcome) (float64, bool) // false: there is none in that round
	ratio bool
	best  bool // the least is the best

	percentile float64 // that it is; 0: none
	warm       bool    // it says nothing of a pool that begins cold
}

const latencyHelp = "of all operations, from when each was due; one that failed counts as the caller's deadline, or longer if it took longer"

func always(f func(*outcome) float64) func(*outcome) (float64, bool) {
	return func(o *outcome) (float64, bool) { return f(o), true }
}

// beyond is how many operations must be slower than a percentile for it to say anything.
const beyond = 10

// slowest is the percentile that the slowest operation is.
const slowest = 100

// quantile is a percentile of a round.
func quantile(p float64) func(*outcome) (float64, bool) {
	return always(func(o *outcome) float64 { return o.Quantile(p).Seconds() * 1000 })
}

// together is the percentile of all rounds as one, in milliseconds.
func together(rounds []*outcome, percentile float64) float64 {
	all := load.NewHistogram()
	for _, o := range rounds {
		all.Merge(o.Latency)
	}
	return float64(all.ValueAtQuantile(percentile)) / 1000
}

// tells reports whether rounds have enough operations for a figure.
func (f figure) tells(rounds []*outcome) bool {
	ops := 0
	for _, o := range rounds {
		ops += o.Ops
	}
	return float64(ops)*(1-f.percentile/100) >= beyond || f.percentile == 0 || f.percentile == slowest
}

var figures = []figure{
	{Column: report.Column{Name: "failed", Unit: report.Count,
		Help: "operations that failed: no connection, a refused statement, a deadline; not those that were cut off"},
		of: always(func(o *outcome) float64 { return float64(o.Failures()) })},
	{Column: report.Column{Name: "late", Unit: report.Count, Help: "of those, at the caller's deadline"},
		of: always(func(o *outcome) float64 { return float64(o.Outcomes[load.Late]) })},
	{Column: report.Column{Name: "cut off", Unit: report.Count, Help: "statements that found their session ended, from the order to end all of them until the last was gone, tens of milliseconds later: in flight, or on a connection that was handed out dead; not in failed"},
		of: always(func(o *outcome) float64 { return float64(o.Outcomes[load.Killed]) })},
	{Column: report.Column{Name: "last failure", Unit: report.Seconds, Help: "when, since the turn began"},
		of: func(o *outcome) (float64, bool) { return o.LastFailure.Seconds(), o.LastFailure >= 0 }},
	{Column: report.Column{Name: "p50", Unit: report.Milliseconds, Help: latencyHelp}, of: quantile(50), percentile: 50, ratio: true},
	{Column: report.Column{Name: "p99", Unit: report.Milliseconds, Help: latencyHelp}, of: quantile(99), percentile: 99, ratio: true, best: true},
	{Column: report.Column{Name: "p99.9", Unit: report.Milliseconds, Help: latencyHelp}, of: quantile(99.9), percentile: 99.9, ratio: true, best: true},
	{Column: report.Column{Name: "slowest", Unit: report.Milliseconds, Help: latencyHelp}, of: quantile(slowest), percentile: slowest, ratio: true, best: true},
	{Column: report.Column{Name: "worst stall", Unit: report.Milliseconds, Help: "the longest time in which no operation succeeded"},
		of: always(func(o *outcome) float64 { return o.WorstStall.Seconds() * 1000 }), ratio: true, best: true, warm: true},
	{Column: report.Column{Name: "sessions", Unit: report.Count, Help: "the most at once, counted on the server each 10 ms"},
		of: always(func(o *outcome) float64 { return float64(server.Most(o.sessions)) })},
	{Column: report.Column{Name: "store calls", Unit: report.Count}, of: always(func(o *outcome) float64 { return float64(o.calls) })},
	{Column: report.Column{Name: "CPU", Unit: report.Microseconds, Help: "of this process, for each operation: the load, the census and the issuer's work are in it, and a floor has no issuer"},
		of: always(func(o *outcome) float64 { return o.cpu.Seconds() * 1e6 / float64(max(1, o.Ops)) }), ratio: true},
}

// table has a row for each contender.
func (o options) table(s scenario.Scenario, seen map[string][]*outcome) report.Table {
	t := report.Table{Key: "pool"}
	for _, f := range figures {
		t.Columns = append(t.Columns, f.Column)
	}
	for _, c := range o.contenders {
		rounds := seen[c.ID]
		if len(rounds) == 0 {
			continue
		}
		row := t.Add(c.Name)
		row.Ours, row.Floor = c.Ours, c.Floor
		for _, f := range figures {
			cell := report.None()
			if f.tells(rounds) && !(f.warm && s.Cold) {
				cell = f.cell(rounds, seen[c.Over], c)
			}
			row.Cells = append(row.Cells, cell)
		}
	}
	markBest(&t)
	return t
}

func (f figure) cell(rounds, floor []*outcome, c contender.Contender) report.Value {
	v := report.Spread(f.values(rounds))
	if f.ratio && !c.Floor {
		v = v.Over(f.values(rounds), f.values(floor))
	}
	if f.percentile > 0 {
		v.Median = together(rounds, f.percentile)
		if v.Ratio > 0 {
			v.Ratio = v.Median / together(floor, f.percentile)
		}
	}
	switch {
	case v.Text != "":
	case f.Name == "failed":
		v.Bad = v.Max > 0
	case f.Name == "sessions":
		v.Bad = v.Max > float64(rounds[0].conns+max(1, c.Extra))
	}
	return v
}

func (f figure) values(rounds []*outcome) (out []float64) {
	for _, o := range rounds {
		if x, ok := f.of(o); ok {
			out = append(out, x)
		}
	}
	return out
}

// fairCell is one that may be the best of its column.
type fairCell struct {
	*report.Value
	ours bool
}

// markBest marks what is best in each column, among those that rotate, fail nothing, and stay within one session more than the
// pool's size: whose rounds are all below those of each rival. Ours are no rivals of each other; what has no rival, or may be
// chance, as one round may, is not marked.
func markBest(t *report.Table) {
	for i, f := range figures {
		if !f.best {
			continue
		}
		var fair []fairCell
		for _, row := range t.Rows {
			if v := &row.Cells[i]; !row.Floor && !broken(row) && v.Text == "" {
				fair = append(fair, fairCell{v, row.Ours})
			}
		}
		for _, cell := range fair {
			rivals := slices.DeleteFunc(slices.Clone(fair), func(other fairCell) bool { return other.Value == cell.Value || other.ours && cell.ours })
			beaten := func(other fairCell) bool { return other.Min <= cell.Max }
			cell.Best = cell.Rounds > 1 && len(rivals) > 0 && !slices.ContainsFunc(rivals, beaten)
		}
	}
}

func broken(r report.Row) bool {
	for _, v := range r.Cells {
		if v.Bad {
			return true
		}
	}
	return false
}

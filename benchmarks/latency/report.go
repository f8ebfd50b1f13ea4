package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// report adds what was measured to a report that has begun.
func (o options) report(r report.Report, s *servers, results []result) *report.Report {
	r.Took = time.Since(r.Taken).Seconds()
	r.Machine.Server = s.String()
	r.Settle("connections of the pool", report.Number(float64(o.Conns)).Figure(report.Count))
	if s.vault != nil {
		r.Settle("Vault", "a private server on the same machine, that makes logins in a PostgreSQL of its own")
	}
	r.Settle("Secrets Manager", "the AWS SDK against a server of our own on the same machine: no network between")
	r.Sections = []report.Section{section(results)}
	return &r
}

const text = `A secret is changed at its source; the pool notices, fetches it, verifies it on a connection of its own, publishes it, and hands ` +
	`over. The clock ends with the first connection that callers can have. The floor is one connect plus the probe on the same ` +
	`database, taken just before each round: a new login cannot be verified in less.

How soon a change is noticed is the source's matter: a file's watch says so at once, a poll and a schedule have their time, and a ` +
	`login that the server refuses makes the pool ask at once. What the pool needs after that is the last column, and its ratio to the floor.`

func section(results []result) report.Section {
	return report.Section{
		ID: "ways", Title: "Where the time goes", Text: text + changes(results),
		Tables: []report.Table{medians(results), percentiles(results, 90)},
		Charts: charts(results),
	}
}

// changes says what was changed in each row.
func changes(results []result) string {
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "\n\n%s: %s.", r.way.name, r.way.about)
	}
	return b.String()
}

// medians has the median of each step, and its range.
func medians(results []result) report.Table {
	table := report.Table{ID: "medians", Title: "Medians, with the least and the most", Key: "how the change is found", Columns: headings()}
	table.Note = "Medians do not add up. A ratio is the median of the rounds' ratios to the floor that was taken just before. Where another role " +
		"takes the place of one that is still there, the floor's probe compares two roles, as the pool's does; where only a password has changed, or " +
		"the role before is gone, there is nothing to compare, and less to ask. A hand-over in a full pool begins with the end of an old session."
	for _, r := range results {
		var cells []report.Value
		for i, c := range columns {
			v := report.Spread(r.of(c))
			if i == len(columns)-1 {
				v = v.Over(r.of(c), r.floor())
			}
			cells = append(cells, v)
		}
		cells = append(cells, report.Spread(r.floor()), report.Number(float64(len(r.steps))), report.Text(r.triggers()))
		table.Add(r.way.name, cells...)
	}
	return table
}

// percentiles has one percentile of each step.
func percentiles(results []result, p float64) report.Table {
	table := report.Table{ID: "p90", Title: "90th percentiles", Key: "how the change is found", Columns: headings()}
	for _, r := range results {
		var cells []report.Value
		for _, c := range columns {
			cells = append(cells, report.Number(quantile(r.of(c), p)))
		}
		cells = append(cells, report.Number(quantile(r.floor(), p)), report.Number(float64(len(r.steps))), report.Text(r.triggers()))
		table.Add(r.way.name, cells...)
	}
	return table
}

func headings() []report.Column {
	help := map[string]string{
		"notice":           "from the change to the beginning of the refresh; a refused login is part of it",
		"fetch":            "asking the source, for alternates, too",
		"verify":           "login and probe on a connection beside the pool",
		"publish":          "what the engine needs besides, until every new connection uses the credential",
		"hand-over":        "until the pool has its first connection",
		"after the notice": "fetch, verify, publish and hand-over together",
	}
	var out []report.Column
	for _, c := range columns {
		out = append(out, report.Column{Name: c.name, Unit: report.Milliseconds, Help: help[c.name]})
	}
	return append(out,
		report.Column{Name: "floor", Unit: report.Milliseconds, Help: "one connect plus the probe"},
		report.Column{Name: "rounds", Unit: report.Count},
		report.Column{Name: "trigger", Help: "of the refresh, as RefreshEndedEvent tells it"})
}

// charts compare what comes after the notice with the floor, and show how soon changes are noticed, which differs by powers
// of ten.
func charts(results []result) []report.Chart {
	own, refused := parted(results)
	after, notice := columns[len(columns)-1], columns[0]
	var out []report.Chart
	if len(own) > 0 {
		out = append(out, chart("own", "After the notice, found by the source itself", "fetch, verify, publish and hand-over, ms", own, after, true))
	}
	if len(refused) > 0 {
		out = append(out, chart("refused", "After the notice, found by a refused login", "fetch, verify, publish and hand-over, ms", refused, after, true))
	}
	for _, part := range []struct {
		id, title string
		results   []result
	}{{"own-notice", "Until the source itself notices", own}, {"refused-notice", "Until a login is refused", refused}} {
		if len(part.results) > 0 {
			c := chart(part.id, part.title, "notice, ms", part.results, notice, false)
			c.Y.Log = true
			out = append(out, c)
		}
	}
	return out
}

// parted are the ways that need no caller, and those that do.
func parted(results []result) (own, refused []result) {
	for _, r := range results {
		if r.way.refused {
			refused = append(refused, r)
		} else {
			own = append(own, r)
		}
	}
	return own, refused
}

func chart(id, title, label string, results []result, of step, withFloor bool) report.Chart {
	c := report.Chart{
		ID: id, Title: title, Kind: report.Percentile, X: report.Axis{Label: "percentile"}, Y: report.Axis{Label: label},
	}
	floors := map[bool][]float64{}
	for _, r := range results {
		c.Series = append(c.Series, distribution(r.way.name, r.of(of)))
		floors[r.way.other] = append(floors[r.way.other], r.floor()...)
	}
	if withFloor {
		c.Series = append(c.Series, floorSeries("floor: another role", floors[true])...)
		c.Series = append(c.Series, floorSeries("floor: the same role", floors[false])...)
	}
	return c
}

// floorSeries is the line of a floor, if there is one.
func floorSeries(name string, values []float64) []report.Series {
	if len(values) == 0 {
		return nil
	}
	floor := distribution(name, values)
	floor.Floor = true
	return []report.Series{floor}
}

// distribution is a line through all values in their order.
func distribution(name string, values []float64) report.Series {
	s := report.Series{Name: name}
	for n := range values {
		p := (float64(n) + 0.5) / float64(len(values)) * 100
		s.X, s.Y = append(s.X, p), append(s.Y, max(0.001, quantile(values, 100*float64(n)/float64(max(1, len(values)-1)))))
	}
	return s
}

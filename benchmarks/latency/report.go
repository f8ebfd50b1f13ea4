package main

import (
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

func (o options) report(s *servers, results []result, began time.Time) *report.Report {
	r := &report.Report{
		Tool: "latency", Title: "From a changed secret to the first connection on it", Taken: began,
		Took: time.Since(began).Seconds(), Machine: report.ThisMachine(s.String()),
	}
	r.Settle("connections of the pool", report.Number(float64(o.Conns)).Figure(report.Count))
	if s.vault != nil {
		r.Settle("Vault", "a private server on the same machine, that makes logins in a PostgreSQL of its own")
	}
	r.Settle("Secrets Manager", "the AWS SDK against a server of our own on the same machine: no network between")
	r.Sections = []report.Section{section(results)}
	return r
}

const text = `A secret is changed at its source; the pool notices, fetches it, verifies it on a connection of its own, publishes it, and hands ` +
	`over. The clock ends with the first connection that callers can have. The floor is one connect plus the probe on the same ` +
	`database, taken just before each round: a new login cannot be verified in less.

How soon a change is noticed is the source's matter: a file's watch says so at once, a poll and a schedule have their time, and a ` +
	`login that the server refuses makes the pool ask at once. What the pool needs after that is the last column, and its ratio to the floor.`

func section(results []result) report.Section {
	return report.Section{
		ID: "ways", Title: "Where the time goes", Text: text,
		Tables: []report.Table{medians(results), percentiles(results, 90), about(results)},
		Charts: []report.Chart{chart(results), notices(results)},
	}
}

// medians has the median of each step, and its range.
func medians(results []result) report.Table {
	table := report.Table{ID: "medians", Title: "Medians, with the least and the most", Key: "how the change is found", Columns: headings()}
	table.Note = "Medians do not add up. A ratio is the median of the rounds' ratios to the floor that was taken just before. The floor's probe " +
		"compares two roles; where only a password has changed, or the role before is gone, there is nothing to compare, and less to ask. " +
		"A hand-over in a full pool begins with the end of an old session."
	for _, r := range results {
		var cells []report.Value
		for i, c := range columns {
			v := report.Spread(r.of(c))
			if i == len(columns)-1 {
				v = v.Over(r.of(c), r.floor())
			}
			cells = append(cells, v)
		}
		cells = append(cells, report.Spread(r.floor()), report.Number(float64(len(r.steps))))
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
		cells = append(cells, report.Number(quantile(r.floor(), p)), report.Number(float64(len(r.steps))))
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
		report.Column{Name: "rounds", Unit: report.Count})
}

// about says what was changed in each row.
func about(results []result) report.Table {
	table := report.Table{ID: "about", Title: "What is changed", Key: "how the change is found", Columns: []report.Column{
		{Name: "trigger", Help: "as RefreshEndedEvent tells it"}, {Name: "what is changed, and when"},
	}}
	for _, r := range results {
		table.Add(r.way.name, report.Text(r.triggers()), report.Text(r.way.about))
	}
	return table
}

// chart compares what comes after the notice with the floor.
func chart(results []result) report.Chart {
	c := report.Chart{
		ID: "after", Title: "After the notice, against the floor", Kind: report.Percentile,
		X: report.Axis{Label: "percentile"}, Y: report.Axis{Label: "fetch, verify, publish and hand-over, ms"},
	}
	var floors []float64
	for _, r := range results {
		c.Series = append(c.Series, distribution(r.way.name, r.of(columns[len(columns)-1])))
		floors = append(floors, r.floor()...)
	}
	floor := distribution("floor", floors)
	floor.Floor = true
	c.Series = append(c.Series, floor)
	return c
}

// notices shows how soon changes are noticed, which differs by powers of ten.
func notices(results []result) report.Chart {
	c := report.Chart{
		ID: "notice", Title: "Until the change is noticed", Kind: report.Percentile,
		X: report.Axis{Label: "percentile"}, Y: report.Axis{Label: "notice, ms", Log: true},
	}
	for _, r := range results {
		c.Series = append(c.Series, distribution(r.way.name, r.of(columns[0])))
	}
	return c
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

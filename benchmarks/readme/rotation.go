package main

import (
	"fmt"
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

var rotation = block{
	tool: "rotation", markdown: rotationText,
	pictures: []picture{{"newrole", "latency"}, {"newrole", "percentiles"}},
}

// rotationText is three tables: what failed, the tail, and the worst stall.
func rotationText(own block, r *report.Report) (string, error) {
	var b strings.Builder
	b.WriteString("Beside what one would use otherwise, each set up as its documentation sets it up best: medians of the rounds, and ratios to the\n" +
		"first row. Nothing happens to the logins of the first two. Bold is the best of those that fail nothing in a scenario and have at most one session more than the pool's size.\n\n")
	writeSettings(&b, r)
	for _, id := range []string{"failed", "p999", "stall"} {
		table, err := tableOf(r, "overview", id)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "\n%s:\n\n%s", table.Title, table.Markdown())
	}
	writePictures(&b, own, r)
	return b.String(), nil
}

// alt says what a picture shows: the section's title and the chart's.
func alt(r *report.Report, p picture) string {
	section, _ := r.Section(p.section)
	for _, c := range section.Charts {
		if c.ID == p.chart {
			return section.Title + ": " + c.Title
		}
	}
	return section.Title
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

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

// rotationText is what failed, the tail, the worst stalls, and who kept within which number of sessions. The rest is on the page of
// the command.
func rotationText(own block, r *report.Report) (string, error) {
	var b strings.Builder
	b.WriteString("Beside what one would use otherwise, each set up as its documentation sets it up best. Nothing happens to the logins of the first two rows, the floors.\n" +
		"Where only the password changes, sessions live on, and there is nothing to gain. Bold is what is below every rival in every\n" +
		"round, of those that fail nothing in a scenario and have at most one session more than the pool's size; rekey's own pools are no rivals of each other.\n\n")
	writeSettings(&b, r)
	for _, id := range []string{"failed", "p999", "stall", "sessions"} {
		table, err := tableOf(r, "overview", id)
		if err != nil {
			return "", err
		}
		format := "\n%s:\n\n%s"
		if id == "stall" || id == "sessions" { // a reader may want to unfold them
			format = "\n<details><summary>%s</summary>\n\n%s\n</details>\n"
		}
		fmt.Fprintf(&b, format, table.Title, table.Markdown())
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

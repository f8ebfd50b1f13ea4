package main

import (
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

var scale = block{
	tool: "scale", markdown: scaleText,
	pictures: []picture{{"growth", "heap"}, {"fleet", "restart"}, {"fleet", "outage"}},
}

// scaleText is what a pool costs, and what a fleet does to its source.
func scaleText(own block, r *report.Report) (string, error) {
	lines, err := tableOf(r, "growth", "linear")
	if err != nil {
		return "", err
	}
	loads, err := tableOf(r, "fleet", "load")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("Pools in one process, with one connection each, by the straight line through all their numbers; an exponent of 1 is linear growth:\n\n")
	b.WriteString(pick(lines, "each pool", "R²", "exponent").Markdown())
	b.WriteString("\nA simulated fleet that shares one source: what the source bears, and ratios to the mean of a quiet day.\n\n")
	b.WriteString(loads.Markdown() + "\n")
	writeSettings(&b, r)
	writePictures(&b, own, r)
	return b.String(), nil
}

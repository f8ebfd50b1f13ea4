package main

import (
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

var latency = block{
	tool: "latency", markdown: latencyText,
	pictures: []picture{{"ways", "own"}},
}

// latencyText is one table: how soon a change is noticed, and what comes after that against the floor.
func latencyText(own block, r *report.Report) (string, error) {
	table, err := tableOf(r, "ways", "medians")
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("From a secret being changed at its source to the pool's first connection made with the new one, in medians. After the notice come fetching,\n" +
		"verifying, publishing and the hand-over; the floor is one connect plus the probe, taken in turn.\n\n")
	writeSettings(&b, r)
	b.WriteString("\n" + pick(table, "notice", "fetch", "verify", "publish", "hand-over", "after the notice", "floor").Markdown())
	writePictures(&b, own, r)
	return b.String(), nil
}

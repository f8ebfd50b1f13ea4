package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// shownErrors is how many texts of a contender's errors a report has.
const shownErrors = 3

// said is the table of what failures said; without rows where nothing failed.
func (o options) said(seen map[string][]*outcome) report.Table {
	t := report.Table{ID: "errors", Title: "What failures said", Key: "pool", Columns: []report.Column{{Name: "the first errors"}}}
	for _, c := range o.contenders {
		var texts []string
		for _, round := range seen[c.ID] {
			for _, text := range round.Errors {
				if text = anonymous(text); !slices.Contains(texts, text) {
					texts = append(texts, text)
				}
			}
		}
		if len(texts) > 0 {
			t.Add(c.Name, report.Text(strings.Join(texts[:min(len(texts), shownErrors)], "; "))).Ours = c.Ours
		}
	}
	return t
}

var (
	address = regexp.MustCompile("`[^`]*`:( \\S+ \\([^)]*\\):)?")
	name    = regexp.MustCompile(`rekey_bench_\w+`)
)

// anonymous takes the server's address and our names out of an error's text: they differ from round to round, and the
// report may be shown to others.
func anonymous(text string) string {
	text = name.ReplaceAllString(address.ReplaceAllString(text, "the server:"), "ours")
	return strings.Join(strings.Fields(text), " ")
}

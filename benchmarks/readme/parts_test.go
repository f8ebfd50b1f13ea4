package main

import (
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

func TestPick(t *testing.T) {
	table := report.Table{Key: "k", Columns: []report.Column{{Name: "a"}, {Name: "b"}, {Name: "c"}}}
	table.Add("row", report.Number(1), report.Number(2), report.Number(3))
	want := "| k | a | c |\n|---|---|---|\n| row | 1.00 | 3.00 |\n"
	if got := pick(table, "c", "a").Markdown(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if len(table.Rows[0].Cells) != 3 {
		t.Error("the table itself has changed")
	}
}

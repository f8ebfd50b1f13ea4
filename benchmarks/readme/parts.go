package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// tableOf returns a table of a section.
func tableOf(r *report.Report, section, id string) (report.Table, error) {
	s, _ := r.Section(section)
	for _, t := range s.Tables {
		if t.ID == id {
			return t, nil
		}
	}
	return report.Table{}, fmt.Errorf("the report of %s has no table %s in %s", r.Tool, id, section)
}

// pick returns the table with some of its columns only.
func pick(t report.Table, names ...string) report.Table {
	out := t
	out.Columns, out.Rows = nil, nil
	for _, c := range t.Columns {
		if slices.Contains(names, c.Name) {
			out.Columns = append(out.Columns, c)
		}
	}
	for _, row := range t.Rows {
		cells := row.Cells
		row.Cells = nil
		for i, c := range t.Columns {
			if slices.Contains(names, c.Name) && i < len(cells) {
				row.Cells = append(row.Cells, cells[i])
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// writeSettings says when, where and how the figures were taken.
func writeSettings(b *strings.Builder, r *report.Report) {
	fmt.Fprintf(b, "%s; %s.", r.Taken.Format("2006-01-02"), r.Machine)
	for _, s := range r.Settings {
		fmt.Fprintf(b, " %s: %s.", capital(s.Name), s.Value)
	}
	if warning := r.Machine.Warning(); warning != "" {
		b.WriteString(" **" + warning + "**")
	}
	b.WriteString("\n")
}

// writePictures shows the block's pictures.
func writePictures(b *strings.Builder, own block, r *report.Report) {
	for _, p := range own.pictures {
		fmt.Fprintf(b, "\n![%s](%s)\n", alt(r, p), p.path(r.Tool))
	}
}

package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable writes the tables for a terminal.
func (r *Report) WriteTable(to io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s, %s\n", r.Title, r.Taken.Format("2006-01-02 15:04"), r.Machine)
	if r.Incomplete != "" {
		fmt.Fprintf(&b, "Incomplete: %s\n", r.Incomplete)
	}
	if warning := r.Machine.Warning(); warning != "" {
		fmt.Fprintln(&b, warning)
	}
	for _, s := range r.Settings {
		fmt.Fprintf(&b, "%s: %s\n", s.Name, s.Value)
	}
	for _, s := range r.Sections {
		s.writeText(&b)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

func (s Section) writeText(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n%s\n", s.Title, strings.Repeat("=", len([]rune(s.Title))))
	if s.Text != "" {
		fmt.Fprintln(b, s.Text)
	}
	for _, t := range s.Tables {
		t.writeText(b)
	}
}

func (t Table) writeText(b *strings.Builder) {
	if t.Title != "" {
		fmt.Fprintf(b, "\n%s\n", t.Title)
	}
	w := tabwriter.NewWriter(b, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, t.Key)
	for _, c := range t.Columns {
		fmt.Fprint(w, "\t", c.Heading())
	}
	fmt.Fprintln(w)
	for _, row := range t.Rows {
		fmt.Fprint(w, row.Name)
		for i, c := range t.Columns {
			fmt.Fprint(w, "\t", row.cell(i).String(c.Unit))
		}
		fmt.Fprintln(w)
	}
	w.Flush()
	if t.Note != "" {
		fmt.Fprintln(b, t.Note)
	}
}

// Heading is the name with its unit, where that is not plain.
func (c Column) Heading() string {
	if c.Unit == Plain || c.Unit == Count {
		return c.Name
	}
	return c.Name + ", " + string(c.Unit)
}

// cell is empty where the row is short.
func (r Row) cell(i int) Value {
	if i >= len(r.Cells) {
		return None()
	}
	return r.Cells[i]
}

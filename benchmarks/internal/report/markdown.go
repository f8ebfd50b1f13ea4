package report

import (
	"fmt"
	"strings"
)

// Markdown writes a table for a README: medians with their ratios to the floor. Ranges are only written of counts, where
// the median alone would hide what happens now and then. What is best of its column is bold, and so are the rows' names
// that are ours.
func (t Table) Markdown() string {
	var b strings.Builder
	b.WriteString("| " + t.Key + " |")
	for _, c := range t.Columns {
		b.WriteString(" " + c.Heading() + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(t.Columns)) + "\n")
	for _, row := range t.Rows {
		b.WriteString("| " + bold(escapeMarkdown(row.Name), row.Ours) + " |")
		for i, c := range t.Columns {
			b.WriteString(" " + row.cell(i).markdown(c.Unit) + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

func (v Value) markdown(u Unit) string {
	text := bold(v.Figure(u), v.Best)
	if all := v.Range(u); u == Count && all != "" {
		text += fmt.Sprintf(" (%s)", all)
	}
	if times := v.Times(); times != "" {
		text += fmt.Sprintf(" (%s)", times)
	}
	return text
}

// escapeMarkdown takes what would be read as emphasis or as the end of a cell.
func escapeMarkdown(text string) string {
	return strings.NewReplacer("*", `\*`, "|", `\|`).Replace(text)
}

func bold(text string, is bool) string {
	if is {
		return "**" + text + "**"
	}
	return text
}

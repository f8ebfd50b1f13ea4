package report

import "strings"

// Markdown writes a table for a README: medians, ranges over the rounds, and ratios to the floor with theirs. What is best of its column is bold, and so are the rows' names
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
	if all := v.Range(u); all != "" {
		text += " (" + all + ")"
	}
	if times := v.Times(); times != "" {
		text += " " + times
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

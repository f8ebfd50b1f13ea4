package report

import (
	_ "embed"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"svg": func(c Chart) (template.HTML, error) {
		picture, err := SVG(c)
		return template.HTML(picture), err
	},
	"paragraphs": func(text string) []string { return strings.Split(text, "\n\n") },
	"cell":       func(r Row, i int) Value { return r.cell(i) },
}).Parse(pageText))

// WriteHTML writes one file with everything in it: nothing is asked of any host when it is read.
func (r *Report) WriteHTML(to io.Writer) error { return page.Execute(to, r) }

func escape(text string) string { return template.HTMLEscapeString(text) }

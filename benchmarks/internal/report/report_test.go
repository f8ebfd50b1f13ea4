package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func sample() *Report {
	r := &Report{
		Tool: "sample", Title: "A <sample>", Taken: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Took: 12,
		Machine: ThisMachine("PostgreSQL 15.18"),
	}
	r.Settle("connections", "10")
	table := Table{Key: "pool", Columns: []Column{
		{Name: "p99", Unit: Milliseconds, Help: "of <all>"}, {Name: "failed", Unit: Count}, {Name: "kept"},
	}}
	table.Add("plain", Spread([]float64{1, 2, 3}), Number(0), Text("yes")).Floor = true
	table.Add("ours", Spread([]float64{1, 3, 3}).Over([]float64{1, 3, 3}, []float64{1, 2, 3}), Number(0)).Ours = true
	section := Section{ID: "quiet", Title: "Quiet", Text: "One.\n\nTwo & three.", Tables: []Table{table}}
	for _, kind := range []Kind{Line, Step, Scatter, Percentile} {
		section.Charts = append(section.Charts, Chart{
			ID: string(kind), Title: "As <" + string(kind) + ">", Kind: kind, X: Axis{Label: "x"}, Y: Axis{Label: "y, ms", Log: true},
			Series: []Series{
				{Name: "plain", X: Numbers{0, 50, 90, 99.9}, Y: []float64{0.5, 1, 2, 30}, Floor: true},
				{Name: "ours", X: Numbers{0, 50, 90, 99.9}, Y: []float64{0.6, 1, 0, 20}, Ours: true},
			},
			Marks: []Mark{{X: 50, Label: "rotated"}},
		})
	}
	r.Sections = []Section{section}
	return r
}

func TestJSON(t *testing.T) {
	var b bytes.Buffer
	r := sample()
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	back, err := ReadJSON(&b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, back) {
		t.Errorf("read %+v, wrote %+v", back, r)
	}
	if _, err := ReadJSON(strings.NewReader(`{"tool":"x","elapsed":3}`)); err == nil {
		t.Error("an unknown field was read as nothing")
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := sample().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99, ms", "2.00 (1.00–3.00)", "3.00 (1.00–3.00) 1.00× (1.00–1.50)", "yes", "connections: 10"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// TestHTML reads the page as a browser that may not ask anybody for anything.
func TestHTML(t *testing.T) {
	var b strings.Builder
	if err := sample().WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	if strings.Count(html, "<svg") != 4 {
		t.Errorf("%d pictures, want 4", strings.Count(html, "<svg"))
	}
	for _, want := range []string{"A &lt;sample&gt;", "Two &amp; three.", "prefers-color-scheme"} {
		if !strings.Contains(html, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if found := regexp.MustCompile(`(src|href)="[^#"]|url\(|@import|<script`).FindAllString(html, -1); found != nil {
		t.Errorf("the page asks for %q", found)
	}
}

func TestSVG(t *testing.T) {
	for _, chart := range sample().Sections[0].Charts {
		picture, err := SVG(chart)
		if err != nil {
			t.Fatalf("%s: %v", chart.Kind, err)
		}
		if err := wellFormed(picture); err != nil {
			t.Errorf("%s: %v", chart.Kind, err)
		}
		if text := string(picture); strings.Contains(text, "#010203") || !strings.Contains(text, "currentColor") {
			t.Errorf("%s: the text has a colour of its own", chart.Kind)
		}
	}
	if _, err := SVG(Chart{ID: "none", Kind: Line}); err == nil {
		t.Error("a chart without points was drawn")
	}
	if _, err := SVG(Chart{ID: "odd", Kind: Line, Series: []Series{{X: []float64{1}}}}); err == nil {
		t.Error("a series with an x and no y was drawn")
	}
}

func wellFormed(text []byte) error {
	decoder := xml.NewDecoder(bytes.NewReader(text))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func TestValues(t *testing.T) {
	for _, test := range []struct {
		value Value
		unit  Unit
		want  string
	}{
		{Number(0), Milliseconds, "0"},
		{Number(0.0123), Milliseconds, "0.012"},
		{Number(0.5), Milliseconds, "0.50"},
		{Number(12.34), Milliseconds, "12.3"},
		{Number(1234.5), Milliseconds, "1234"},
		{Number(7), Count, "7"},
		{Spread([]float64{3, 4}), Count, "3.5 (3–4)"},
		{Spread([]float64{2, 2, 2}), Count, "2"},
		{Spread(nil), Milliseconds, "–"},
		{Text("never"), Seconds, "never"},
		{Spread([]float64{4}).Over([]float64{4}, []float64{2}), Milliseconds, "4.00 2.00×"},
		{Spread([]float64{4}).Over([]float64{4}, []float64{0}), Milliseconds, "4.00"},
	} {
		if got := test.value.String(test.unit); got != test.want {
			t.Errorf("%+v is written %q, want %q", test.value, got, test.want)
		}
	}
	if !math.IsNaN(Median(nil)) || Median([]float64{3, 1, 2}) != 2 || Median([]float64{1, 2, 3, 4}) != 2.5 {
		t.Error("Median")
	}
}

// TestWarning: a report from a busy machine says so, in each of its forms.
func TestWarning(t *testing.T) {
	r := sample()
	for _, busy := range []bool{false, true} {
		r.Machine.CPUs, r.Machine.Load, r.Incomplete = 2, 1.5, ""
		if busy {
			r.Machine.Load, r.Incomplete = 18.4, "stopped early"
		}
		var text, page strings.Builder
		if err := errors.Join(r.WriteTable(&text), r.WriteHTML(&page)); err != nil {
			t.Fatal(err)
		}
		for _, got := range []string{text.String(), page.String()} {
			if strings.Contains(got, "18.4 on 2 CPUs") != busy || strings.Contains(got, "Incomplete: stopped early") != busy {
				t.Errorf("busy %v:\n%s", busy, got)
			}
		}
	}
}

// TestBuild: figures say of what commit they are, and of what versions of those that they are compared with.
func TestBuild(t *testing.T) {
	b := buildOf(&debug.BuildInfo{
		Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}},
		Deps:     []*debug.Module{{Path: "github.com/jackc/pgx/v5", Version: "v5.12.0"}, {Path: "golang.org/x/sys", Version: "v0.1.0"}},
	})
	if got := b.String(); got != "commit 0123456789ab (modified), pgx/v5 v5.12.0" {
		t.Error(got)
	}
	if got := (Build{}).String(); got != "" {
		t.Error(got)
	}
}

func TestCell(t *testing.T) {
	table := sample().Sections[0].Tables[0]
	if v, ok := table.Cell("plain", "p99"); !ok || v.Median != 2 {
		t.Errorf("%+v, %v", v, ok)
	}
	if _, ok := table.Cell("ours", "kept"); ok {
		t.Error("a short row has a cell that it lacks")
	}
}

func TestNinesTicks(t *testing.T) {
	var labels []string
	for _, tick := range ninesTicks(4) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, " "); got != "0 50 90 99 99.9 99.99" {
		t.Error(got)
	}
}

func TestMarkdown(t *testing.T) {
	want := "| pool | p99, ms | failed | kept |\n|---|---|---|---|\n| plain | 2.00 (1.00–3.00) | 0 | yes |\n| **ours** | 3.00 (1.00–3.00) 1.00× (1.00–1.50) | 0 | – |\n"
	if got := sample().Sections[0].Tables[0].Markdown(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMarkdownOfCounts(t *testing.T) {
	table := Table{Columns: []Column{{Name: "failed", Unit: Count}}}
	table.Add("a *sql.DB", Spread([]float64{0, 0, 7}))
	if got := table.Markdown(); !strings.Contains(got, `| a \*sql.DB | 0 (0–7) |`) {
		t.Error(got)
	}
}

func TestRoundTicks(t *testing.T) {
	for _, test := range []struct {
		least, most float64
		want        string
	}{
		{0, 3, "0 1 2 3"}, {0, 10.5, "0 2 4 6 8 10"}, {0.2, 0.31, "0.2 0.22 0.24 0.26 0.28 0.3"}, {0, 2400, "0 500 1000 1500 2000"},
		{-0.5, 10, "0 2 4 6 8 10"},
	} {
		var labels []string
		for _, tick := range (round{}).Ticks(test.least, test.most) {
			labels = append(labels, tick.Label)
		}
		if got := strings.Join(labels, " "); got != test.want {
			t.Errorf("%v to %v: %s, want %s", test.least, test.most, got, test.want)
		}
	}
}

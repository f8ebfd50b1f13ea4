package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// TestGenerated: the README's figures are those of the reports that are kept, and nobody has changed them by hand.
func TestGenerated(t *testing.T) {
	files, err := generate(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what go run ./readme makes of benchmarks/results (%v)", path, err)
		}
	}
	readme := string(files[filepath.Join("..", "..", "README.md")])
	for _, b := range blocks {
		first, last := b.lines()
		_, err := os.Stat(resultFile(filepath.Join("..", ".."), b.tool))
		if strings.Contains(readme, first) != (err == nil) || strings.Contains(readme, first+last) {
			t.Errorf("the README has a place for %s without figures, or figures without a place", b.tool)
		}
	}
}

// TestPlace: a block that the README does not have yet comes after the one before.
func TestPlace(t *testing.T) {
	before := block{tool: "one"}
	b := block{tool: "two", markdown: func(block, *report.Report) (string, error) { return "new\n", nil }}
	first, last := before.lines()
	own, end := b.lines()
	got, err := b.insert(first+"old\n"+last+"after\n", &before, nil)
	if want := first + "old\n" + last + "\n" + own + "new\n" + end + "after\n"; err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

func TestRun(t *testing.T) {
	root, from := t.TempDir(), t.TempDir()
	readme := filepath.Join(root, "README.md")
	write(t, readme, "before\n<!-- benchmarks:rotation -->\nstale\n<!-- /benchmarks:rotation -->\nafter\n")
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "rotation.json"), b.String())
	for range 2 { // the second time changes nothing
		if err := run(root, from); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := os.ReadFile(readme)
	text := string(got)
	for _, want := range []string{"before\n<!-- benchmarks:rotation -->\n", "Rounds: 3.", "| ours | 7 |", "rotation-newrole-latency.svg", "\nafter\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "stale") || strings.Count(text, "| ours | 7 |") != 4 {
		t.Errorf("not in place of the old:\n%s", text)
	}
	if svg, err := os.ReadFile(filepath.Join(root, imageFolder, "rotation-newrole-percentiles.svg")); err != nil || !bytes.HasPrefix(svg, []byte("<svg")) {
		t.Errorf("the picture: %v", err)
	}
	write(t, readme, "no place for it")
	if err := run(root, ""); err == nil {
		t.Error("a README without a place for the figures was taken")
	}
}

// TestOwnReadme: the first figures find their place in the README as it is, and the next ones theirs.
func TestOwnReadme(t *testing.T) {
	root, from := t.TempDir(), t.TempDir()
	own, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	readme := filepath.Join(root, "README.md")
	write(t, readme, string(own))
	var b bytes.Buffer
	if err := sample().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "rotation.json"), b.String())
	for range 2 {
		if err := run(root, from); err != nil {
			t.Fatal(err)
		}
		got, _ := os.ReadFile(readme)
		if n := strings.Count(string(got), "<!-- benchmarks:rotation -->"); n != 1 || !strings.Contains(string(got), "| ours | 7 |") {
			t.Fatalf("%d blocks in\n%s", n, got)
		}
	}
}

// TestIncomplete: a report that its limit has cut is not taken over.
func TestIncomplete(t *testing.T) {
	root, from := t.TempDir(), t.TempDir()
	r := sample()
	r.Incomplete = "stopped after -limit 1m0s"
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(from, "rotation.json"), b.String())
	if err := run(root, from); err == nil || !strings.Contains(err.Error(), "incomplete") {
		t.Error(err)
	}
}

func sample() *report.Report {
	r := &report.Report{Tool: "rotation", Machine: report.Machine{CPUs: 2, OS: "linux", Arch: "amd64", Go: "go1.26"}}
	r.Settle("rounds", "3")
	overview := report.Section{ID: "overview"}
	for _, id := range []string{"failed", "p999", "stall", "sessions"} {
		table := report.Table{ID: id, Title: id, Key: "pool", Columns: []report.Column{{Name: "new role"}}}
		table.Add("ours", report.Text("7"))
		overview.Tables = append(overview.Tables, table)
	}
	line := report.Chart{Kind: report.Line, Series: []report.Series{{X: report.Numbers{1, 2}, Y: report.Numbers{1, 2}}}}
	newRole := report.Section{ID: "newrole", Title: "New role"}
	for _, id := range []string{"latency", "percentiles"} {
		line.ID = id
		newRole.Charts = append(newRole.Charts, line)
	}
	r.Sections = []report.Section{overview, newRole}
	return r
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

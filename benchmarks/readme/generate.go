package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// block is one command's part of the README. It stands between two lines:
//
//	<!-- benchmarks:rotation -->
//	<!-- /benchmarks:rotation -->
type block struct {
	tool     string
	markdown func(block, *report.Report) (string, error)
	pictures []picture
}

// picture is a chart that the README shows.
type picture struct{ section, chart string }

// blocks are the README's, in their order. A command without a report in results has none. Their lines are made where there
// are none yet: the first block's after place, which is always there.
var blocks = []block{rotation, latency, scale}

const place = "<!-- benchmarks -->\n"

// imageFolder is where pictures are kept, seen from the README.
const imageFolder = "docs/images/benchmarks"

func (p picture) path(tool string) string {
	return imageFolder + "/" + tool + "-" + p.section + "-" + p.chart + ".svg"
}

// generate returns what the README and its pictures should be, by path.
func generate(root string) (map[string][]byte, error) {
	path := filepath.Join(root, "README.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	files, readme := map[string][]byte{}, string(text)
	var before *block
	for _, b := range blocks {
		r, err := report.ReadFile(resultFile(root, b.tool))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if readme, err = b.insert(readme, before, r); err != nil {
			return nil, err
		}
		before = &b
		for _, p := range b.pictures {
			svg, err := p.draw(r)
			if err != nil {
				return nil, err
			}
			files[filepath.Join(root, p.path(b.tool))] = svg
		}
	}
	files[path] = []byte(readme)
	return files, nil
}

// lines are those that a block stands between.
func (b block) lines() (first, last string) {
	return "<!-- benchmarks:" + b.tool + " -->\n", "<!-- /benchmarks:" + b.tool + " -->\n"
}

// insert writes a block where it stands; one that has no lines yet comes after the one before, or at the place of the first.
func (b block) insert(readme string, before *block, r *report.Report) (string, error) {
	first, last := b.lines()
	if !strings.Contains(readme, first) {
		above := place
		if before != nil {
			_, above = before.lines()
		}
		readme = strings.Replace(readme, above, above+"\n"+first+last, 1)
	}
	head, rest, ok := strings.Cut(readme, first)
	_, tail, ended := strings.Cut(rest, last)
	if !ok || !ended {
		return "", fmt.Errorf("the README has no line %q, and %q without %q", strings.TrimSpace(place), strings.TrimSpace(first), strings.TrimSpace(last))
	}
	text, err := b.markdown(b, r)
	return head + first + text + last + tail, err
}

func (p picture) draw(r *report.Report) ([]byte, error) {
	section, _ := r.Section(p.section)
	for _, c := range section.Charts {
		if c.ID == p.chart {
			return report.SVG(c)
		}
	}
	return nil, fmt.Errorf("the report of %s has no chart %s in %s", r.Tool, p.chart, p.section)
}

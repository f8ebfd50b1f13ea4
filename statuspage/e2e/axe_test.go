package e2e_test

import (
	"embed"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

//go:embed axe
var axeFiles embed.FS

// undecided is what axe leaves to a person: the rule, and the elements for which one has decided. The words on the timeline
// stand before pseudo-elements that axe cannot look through; TestColoursCanBeToldApart compares their colours with all
// that is behind them.
var undecided = map[string]string{"color-contrast": ".track .story"}

// TestAccessible: axe finds nothing, and leaves nothing open, whatever the page shows and however it is looked at.
func TestAccessible(t *testing.T) {
	axe := axeScript(t)
	s := newSite(t, nil)
	orders, billing := s.open("orders", patience*10), s.open("billing", 0)
	orders.hold(2)
	orders.rotate()
	billing.fail("the store is sealed")
	b := newTab(t, look{})
	b.open(s.url())
	b.untilText("[data-phase=draining] .number", "2 connections")
	b.untilText("#overview", "1 degraded")
	eval[bool](b, axe+"; true")
	// axe cannot see what has been scrolled away.
	eval[bool](b, `document.querySelector(".log").style.height = "auto", true`)
	// In the short form, too, it looks in all ways: each has colours and a layout of its own.
	for _, l := range allLooks {
		t.Run(l.String(), func(t *testing.T) {
			b.dress(l)
			for _, f := range eval[[]finding](b, `axe.run({resultTypes: ["violations", "incomplete"], elementRef: true}).then((found) => ["violations", "incomplete"].flatMap((list) =>
				found[list].flatMap((v) => v.nodes.filter((n) => list === "violations" || !n.element.matches((`+quoteAll(undecided)+`)[v.id] ?? ":not(*)"))
					.map((n) => ({list, rule: v.id, target: n.target.join(" "), text: n.failureSummary + " " + n.html})))))`) {
				t.Errorf("%s: %s at %s: %s", f.List, f.Rule, f.Target, f.Text)
			}
		})
	}
	b.wantQuiet()
}

// finding is what axe says of one element.
type finding struct{ List, Rule, Target, Text string }

// axeScript returns axe-core, which npm brings into a cache once.
func axeScript(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := axeFiles.ReadFile("axe/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(base, "rekey", "axe")
	script := filepath.Join(folder, "node_modules", "axe-core", "axe.min.js")
	if have, err := os.ReadFile(filepath.Join(folder, "package-lock.json")); err != nil || string(have) != string(manifest) || !exists(script) {
		installAxe(t, folder)
	}
	source, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

func installAxe(t *testing.T, folder string) {
	t.Helper()
	npm, err := exec.LookPath("npm")
	if err != nil {
		t.Fatal("npm was not found, which brings axe-core; install it with scripts/setup.sh browser, or with: apt-get install npm")
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"package.json", "package-lock.json"} {
		data, err := axeFiles.ReadFile("axe/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	install := exec.CommandContext(t.Context(), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = folder
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, strings.TrimSpace(string(output)))
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

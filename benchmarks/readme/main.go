// Command readme writes the benchmarks' part of the README, and its pictures, from the reports that are kept in results.
//
//	go run ./readme                        # from benchmarks/results
//	go run ./readme -from ../bin/bench     # takes those reports over first
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

func main() {
	root := flag.String("root", "..", "the repository")
	from := flag.String("from", "", "a folder with new reports, which are copied to benchmarks/results")
	flag.Parse()
	cli.NoArgs("readme")
	if err := run(*root, *from); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(root, from string) error {
	if from != "" {
		if err := takeOver(root, from); err != nil {
			return err
		}
	}
	files, err := generate(root)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// takeOver copies the reports of those commands that the README shows; one that is not there stays as it was. One that
// does not have everything is refused, before any is copied.
func takeOver(root, from string) error {
	for _, b := range blocks {
		r, err := report.ReadFile(filepath.Join(from, b.tool+".json"))
		if err == nil && r.Incomplete != "" {
			return fmt.Errorf("the report of %s is incomplete: %s", b.tool, r.Incomplete)
		}
		if err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(resultFile(root, "")), 0o755); err != nil {
		return err
	}
	for _, b := range blocks {
		text, err := os.ReadFile(filepath.Join(from, b.tool+".json"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(resultFile(root, b.tool), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func resultFile(root, tool string) string {
	return filepath.Join(root, "benchmarks", "results", tool+".json")
}

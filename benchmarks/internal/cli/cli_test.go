package cli

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

func parse(t *testing.T, args ...string) *Flags {
	t.Helper()
	set := flag.NewFlagSet("test", flag.ContinueOnError)
	f := Register(set, Defaults{Rounds: 2})
	if err := set.Parse(args); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDefaults(t *testing.T) {
	f := parse(t)
	if f.Rounds != 2 || f.For != 5*time.Second || f.Conns != 10 || f.Limit != 20*time.Minute || f.DSN != "" {
		t.Errorf("%+v", f)
	}
}

// TestFiles also sees to it that a report that an error comes with is written.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	f := parse(t, "-json", in("r.json"), "-html", in("r.html"), "-svg", in("charts"), "-cpuprofile", in("cpu"),
		"-memprofile", in("mem"), "-blockprofile", in("block"), "-mutexprofile", in("mutex"))
	half := errors.New("half of it")
	err := execute(t.Context(), f, func(context.Context, *Flags) (*report.Report, error) {
		return &report.Report{Tool: "tool", Sections: []report.Section{{ID: "one", Charts: []report.Chart{{
			ID: "line", Kind: report.Line, Series: []report.Series{{Name: "s", X: []float64{1, 2}, Y: []float64{3, 4}}},
		}}}}}, half
	})
	if !errors.Is(err, half) {
		t.Error(err)
	}
	for _, name := range []string{"r.json", "r.html", "charts/tool-one-line.svg", "cpu", "mem", "block", "mutex"} {
		if info, err := os.Stat(in(name)); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if r, err := report.ReadFile(in("r.json")); err != nil || r.Tool != "tool" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestLimit(t *testing.T) {
	f := parse(t, "-limit", "1ms")
	err := execute(t.Context(), f, func(ctx context.Context, _ *Flags) (*report.Report, error) {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	})
	if err == nil || !strings.Contains(err.Error(), "-limit 1ms") {
		t.Error(err)
	}
}

// TestLimitWithReport: what there is at the limit is written, says that it is not all, and is no failure.
func TestLimitWithReport(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	f := parse(t, "-limit", "1ms", "-json", path)
	err := execute(t.Context(), f, func(ctx context.Context, _ *Flags) (*report.Report, error) {
		<-ctx.Done()
		return &report.Report{Tool: "tool"}, ctx.Err()
	})
	if err != nil {
		t.Error(err)
	}
	if r, err := report.ReadFile(path); err != nil || r.Incomplete != "stopped after -limit 1ms" {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestFilesFirst: a file that cannot be written is found before the run, not after it.
func TestFilesFirst(t *testing.T) {
	f := parse(t, "-html", filepath.Join(t.TempDir(), "missing", "r.html"))
	err := execute(t.Context(), f, func(context.Context, *Flags) (*report.Report, error) {
		t.Error("it ran")
		return nil, nil
	})
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestProgress(t *testing.T) {
	var b strings.Builder
	p := parse(t).NewProgress(2)
	p.to = &b
	p.Step("one of %d", 2)
	p.Step("two")
	if got := b.String(); !strings.Contains(got, " 50%") || !strings.Contains(got, "100%, 0s left: two") {
		t.Error(got)
	}
	if parse(t, "-q").NewProgress(1).to != io.Discard {
		t.Error("-q shows progress")
	}
}

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// small is a run of both halves that takes seconds.
func small() options {
	return options{
		Flags: &cli.Flags{Rounds: 1, For: 10 * time.Millisecond, Conns: 1, Quiet: true}, sizes: "1, 4, 8", rotations: 4,
		instances: 50, lease: time.Hour, within: time.Second, capacity: 2, seed: 1,
	}
}

// TestRun takes all figures once, on a real server.
func TestRun(t *testing.T) {
	o := small()
	r, err := o.run(t.Context(), o.Flags)
	if err != nil {
		t.Fatal(err)
	}
	pools, ok := r.Section("growth")
	if !ok || len(pools.Tables[0].Rows) != 6 || len(pools.Tables[1].Rows) != len(measures) || len(pools.Tables[2].Rows) != 3 {
		t.Fatalf("%+v", pools.Tables)
	}
	for _, row := range []string{"1", "4", "8"} {
		if left, _ := pools.Tables[2].Cell(row, "goroutines left"); left.Median != 0 {
			t.Errorf("%s pools: %v goroutines are left", row, left.Median)
		}
	}
	if each, _ := pools.Tables[1].Cell("goroutines", "each pool"); each.Median < 1 || each.Median > 10 {
		t.Errorf("%v goroutines a pool", each.Median)
	}
	if err := r.WriteHTML(io.Discard); err != nil {
		t.Error(err)
	}
}

// TestFleet looks for what the simulations must say whatever the settings are: the sum of a day, a peak that is all
// instances, an end of every trouble.
func TestFleet(t *testing.T) {
	o := small()
	o.only = "fleet"
	r, err := o.run(t.Context(), o.Flags)
	if err != nil {
		t.Fatal(err)
	}
	section, _ := r.Section("fleet")
	table := section.Tables[0]
	cell := func(row, column string) report.Value {
		t.Helper()
		for _, r := range table.Rows {
			if strings.HasPrefix(r.Name, row) {
				v, _ := table.Cell(r.Name, column)
				return v
			}
		}
		t.Fatalf("no row %s", row)
		return report.Value{}
	}
	// A lease of an hour is replaced after 36 to 40 minutes, by a fetch and a revocation.
	if n := cell("a day", "requests").Median; n < 2*50*24*60/40-50 || n > 2*50*24*60/36+50 {
		t.Errorf("%v requests in a day", n)
	}
	if n := cell("all restarted at once: the first", "worst second").Median; n < 50 || n > 55 {
		t.Errorf("%v requests in the second of the restart", n)
	}
	for _, row := range []string{"all restarted at once: the first", "all restarted at once, and a slow source: the first", "an hour without the source: the first"} {
		if v := cell(row, "all have one after"); v.Text != "" || v.Median > 300 {
			t.Errorf("%s: all have a login after %v", row, v)
		}
	}
	if v := cell("a day", "least with a login"); v.Median != 100 {
		t.Errorf("in a quiet day at least %v %% have a login", v.Median)
	}
	if v := cell("an hour without the source: during", "least with a login"); v.Median != 0 {
		t.Errorf("after an hour without the source %v %% have a login", v.Median)
	}
}

func TestFlags(t *testing.T) {
	for name, change := range map[string]func(*options){
		"-only":      func(o *options) { o.only = "both" },
		"-pools":     func(o *options) { o.sizes = "1,x" },
		"-lease":     func(o *options) { o.lease = time.Second },
		"-instances": func(o *options) { o.instances = 0 },
	} {
		o := small()
		change(&o)
		if _, err := o.run(t.Context(), o.Flags); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

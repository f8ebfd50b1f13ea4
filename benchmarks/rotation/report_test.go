package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
)

// played is a round of so many operations, each of them that slow.
func played(ops int, each time.Duration) *outcome {
	to := load.NewRecorder(ops)
	slow := func(context.Context, string, int) error { time.Sleep(each); return nil }
	load.Load{Callers: ops, Rows: 1, Deadline: time.Minute}.Run(context.Background(), 0, slow, to)
	return &outcome{Result: to.Result(time.Now(), nil), conns: 10}
}

// TestBest: only what lies below all rivals in each round is called best; ours are no rivals of each other.
func TestBest(t *testing.T) {
	for _, test := range []struct {
		a, b []float64
		ours [2]bool // a, b
		want bool
	}{
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, [2]bool{true, false}, true},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, [2]bool{false, true}, true},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, [2]bool{true, true}, false},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, [2]bool{false, false}, true},
		{[]float64{1, 2, 5}, []float64{4, 5, 6}, [2]bool{true, false}, false},
		{[]float64{1, 2, 3}, []float64{3, 5, 6}, [2]bool{true, false}, false},
		{[]float64{1}, []float64{2}, [2]bool{true, false}, false},
	} {
		table := report.Table{}
		for n, rounds := range [][]float64{test.b, test.a} {
			row := table.Add("one")
			row.Ours = test.ours[1-n]
			for range figures {
				row.Cells = append(row.Cells, report.Spread(rounds))
			}
		}
		markBest(&table)
		for i, f := range figures {
			if table.Rows[0].Cells[i].Best || table.Rows[1].Cells[i].Best != (test.want && f.best) {
				t.Errorf("%v beside %v, %s: %v", test.a, test.b, f.Name, table.Rows[1].Cells[i].Best)
			}
		}
	}
}

// TestBestOfOurs: two of ours are both called best where each is below all the peers.
func TestBestOfOurs(t *testing.T) {
	table := report.Table{}
	add := func(ours bool, rounds ...float64) *report.Row {
		row := table.Add("one")
		row.Ours = ours
		for range figures {
			row.Cells = append(row.Cells, report.Spread(rounds))
		}
		return row
	}
	for _, r := range []struct {
		ours   bool
		rounds []float64
	}{{true, []float64{1, 2}}, {true, []float64{2, 3}}, {true, []float64{3, 5}}, {false, []float64{4, 6}}, {false, []float64{7, 8}}} {
		add(r.ours, r.rounds...)
	}
	markBest(&table)
	for i, f := range figures {
		for n, want := range []bool{true, true, false, false, false} {
			if got := table.Rows[n].Cells[i].Best; got != (want && f.best) {
				t.Errorf("%s, row %d: %v", f.Name, n, got)
			}
		}
	}
}

// TestTail: of 30 operations in each of three rounds no percentile above the median says anything.
func TestTail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options{contenders: contender.All[:1]}
		rounds := func(ops int) map[string][]*outcome {
			one := played(ops, time.Millisecond)
			return map[string][]*outcome{contender.All[0].ID: {one, one, one}}
		}
		for ops, want := range map[int]string{30: "slowest", 400: "p99", 4000: "p99.9"} {
			table := o.table(scenario.All[0], rounds(ops))
			if got := tail(table); got != want {
				t.Errorf("%d operations: %s, want %s", ops, got, want)
			}
		}
		cold := scenario.Scenario{Cold: true}
		table := o.table(cold, rounds(30))
		if v, _ := table.Cell(contender.All[0].Name, "worst stall"); v.Text == "" {
			t.Errorf("a cold pool has a stall of %v", v.Median)
		}
	})
}

// TestRatio: a percentile's ratio is that of the figures beside it, and no percentile is above the slowest.
func TestRatio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		floor, ours := contender.Contender{ID: "floor", Name: "floor", Floor: true}, contender.Contender{ID: "ours", Name: "ours", Ours: true, Over: "floor"}
		o := options{contenders: []contender.Contender{floor, ours}}
		round := func(ms int) *outcome { return played(400, time.Duration(ms)*time.Millisecond) }
		table := o.table(scenario.All[0], map[string][]*outcome{
			"floor": {round(1), round(2), round(9)},
			"ours":  {round(9), round(2), round(10)},
		})
		for _, name := range []string{"p50", "p99", "slowest"} {
			a, _ := table.Cell("floor", name)
			b, _ := table.Cell("ours", name)
			if got, want := b.Ratio, b.Median/a.Median; got < want*0.999 || got > want*1.001 {
				t.Errorf("%s: %v beside %v is said to be %v times that", name, b.Median, a.Median, got)
			}
			if slowest, _ := table.Cell("ours", "slowest"); b.Median > slowest.Median {
				t.Errorf("%s: %v, and the slowest is %v", name, b.Median, slowest.Median)
			}
		}
	})
}

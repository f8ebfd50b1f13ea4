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

// TestBest: only what lies below all others in each round is called best.
func TestBest(t *testing.T) {
	for _, test := range []struct {
		a, b []float64
		want bool
	}{
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, true},
		{[]float64{1, 2, 5}, []float64{4, 5, 6}, false},
		{[]float64{1, 2, 3}, []float64{3, 5, 6}, false},
		{[]float64{1}, []float64{2}, false},
	} {
		table := report.Table{}
		for _, rounds := range [][]float64{test.b, test.a} {
			row := table.Add("one")
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

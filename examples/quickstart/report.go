package main

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/rekeyhq/rekey/examples/internal/cli"
	"github.com/rekeyhq/rekey/examples/internal/load"
	"github.com/rekeyhq/rekey/managedpool"
)

// report is what a run has shown.
type report struct {
	opts           options
	plain          load.Result
	managed        load.Result
	naive          load.Result
	rotations      int
	naiveRotations int

	maxSessions      int
	sessionLimit     int
	leakedSessions   int
	leakedGoroutines int
}

func newReport(opts options) *report {
	return &report{opts: opts, sessionLimit: opts.Conns + managedpool.DefaultHeadroom}
}

// Problems lists what a managed pool must not do.
func (r *report) Problems() (all cli.Problems) {
	all.Add(r.managed.Failed > 0, "%d queries failed", r.managed.Failed)
	all.Add(r.maxSessions > r.sessionLimit, "%d sessions, and the budget is %d", r.maxSessions, r.sessionLimit)
	all.Add(r.leakedSessions > 0, "%d sessions left after Shutdown", r.leakedSessions)
	all.Add(r.leakedGoroutines > 0, "%d goroutines left after Shutdown", r.leakedGoroutines)
	return all
}

// Print writes the table, and what has failed.
func (r *report) Print(out io.Writer) {
	r.printPools(out)
	r.printBudget(out)
	r.plain.PrintFailures(out, "plain pgxpool")
	r.managed.PrintFailures(out, "rekey")
	r.naive.PrintFailures(out, "swapped *sql.DB")
}

func (r *report) printPools(out io.Writer) {
	fmt.Fprintf(out, "\n%d goroutines on %d connections, a new login every %v\n\n", r.opts.Workers, r.opts.Conns, r.opts.every)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	defer table.Flush()
	fmt.Fprintln(table, "\trotations\tqueries\tfailed\tp50\tp99\tp99.9\t")
	row := func(name string, rotations int, p load.Result) {
		fmt.Fprintf(table, "%-15s\t%d\t%d\t%d\t%s\t%s\t%s\t\n", name, rotations, p.Queries, p.Failed,
			load.Millis(p.P50), load.Millis(p.P99), load.Millis(p.P999))
	}
	row("plain pgxpool", 0, r.plain)
	row("rekey", r.rotations, r.managed)
	row("swapped *sql.DB", r.naiveRotations, r.naive)
}

func (r *report) printBudget(out io.Writer) {
	fmt.Fprintf(out, "\nrekey had at most %d sessions of %d (MaxConns %d, headroom %d),\n", r.maxSessions, r.sessionLimit,
		r.opts.Conns, r.sessionLimit-r.opts.Conns)
	fmt.Fprintf(out, "and left %d sessions and %d goroutines after Shutdown.\n", r.leakedSessions, r.leakedGoroutines)
}

package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/rekeyhq/rekey/managedpool"
)

// report is what a run has shown.
type report struct {
	opts           options
	plain          result
	managed        result
	naive          result
	rotations      int
	naiveRotations int

	maxSessions      int
	sessionLimit     int
	leakedSessions   int
	leakedGoroutines int
}

// result is what one pool has shown, with latencies in microseconds.
type result struct {
	queries, failed int64
	failures        []failure
	p50, p99, p999  int64
}

func newReport(opts options) *report {
	return &report{opts: opts, sessionLimit: opts.conns + managedpool.DefaultHeadroom}
}

// problems lists what a managed pool must not do. Empty is good.
func (r *report) problems() []string {
	var all []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	add(r.managed.failed > 0, "%d queries failed", r.managed.failed)
	add(r.maxSessions > r.sessionLimit, "%d sessions, and the budget is %d", r.maxSessions, r.sessionLimit)
	add(r.leakedSessions > 0, "%d sessions left after Shutdown", r.leakedSessions)
	add(r.leakedGoroutines > 0, "%d goroutines left after Shutdown", r.leakedGoroutines)
	return all
}

// print writes the table, and what went wrong.
func (r *report) print(out io.Writer) {
	r.printPools(out)
	r.printBudget(out)
	r.plain.printFailures(out, "plain pgxpool")
	r.managed.printFailures(out, "rekey")
	r.naive.printFailures(out, "swapped *sql.DB")
	for _, problem := range r.problems() {
		fmt.Fprintln(out, "FAILED:", problem)
	}
}

func (r *report) printPools(out io.Writer) {
	fmt.Fprintf(out, "\n%d goroutines on %d connections, a new login every %v\n\n", r.opts.workers, r.opts.conns, r.opts.every)
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	defer table.Flush()
	fmt.Fprintln(table, "\trotations\tqueries\tfailed\tp50\tp99\tp99.9\t")
	row := func(name string, rotations int, p result) {
		fmt.Fprintf(table, "%-15s\t%d\t%d\t%d\t%s\t%s\t%s\t\n", name, rotations, p.queries, p.failed,
			inMillis(p.p50), inMillis(p.p99), inMillis(p.p999))
	}
	row("plain pgxpool", 0, r.plain)
	row("rekey", r.rotations, r.managed)
	row("swapped *sql.DB", r.naiveRotations, r.naive)
}

func (r *report) printBudget(out io.Writer) {
	fmt.Fprintf(out, "\nrekey had at most %d sessions of %d (MaxConns %d, headroom %d),\n", r.maxSessions, r.sessionLimit,
		r.opts.conns, r.sessionLimit-r.opts.conns)
	fmt.Fprintf(out, "and left %d sessions and %d goroutines after Shutdown.\n", r.leakedSessions, r.leakedGoroutines)
}

func (p result) printFailures(out io.Writer, name string) {
	if p.failed == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s failed %d times, with:\n", name, p.failed)
	for _, f := range p.failures {
		fmt.Fprintf(out, "  %d × %s\n", f.count, f.text)
	}
}

func inMillis(micros int64) string {
	return fmt.Sprintf("%.1f ms", float64(micros)/float64(time.Millisecond/time.Microsecond))
}

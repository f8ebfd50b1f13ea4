package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli"
	"github.com/rekeyhq/rekey/examples/internal/leaks"
	"github.com/rekeyhq/rekey/examples/internal/load"
	"github.com/rekeyhq/rekey/managedpool"
)

// report is what a run has shown.
type report struct {
	opts        options
	managed     load.Result
	generations uint64
	outage      time.Duration

	leasesMade, leasesRenewed, leasesRevoked int64

	maxSessions, sessionLimit int

	leakedSessions, leakedUsers, leakedLeases, leakedGoroutines int
}

func newReport(opts options) *report {
	return &report{opts: opts, sessionLimit: opts.Conns + managedpool.DefaultHeadroom}
}

// count takes over what was told of the leases.
func (r *report) count(f *follower) {
	r.leasesMade, r.leasesRenewed, r.leasesRevoked = f.made.Load(), f.renewed.Load(), f.revoked.Load()
}

// look notes what is left when the service has ended.
func (r *report) look(ctx context.Context, w *witness) error {
	var errs [3]error
	r.leakedSessions, errs[0] = leaks.Left(ctx, w.sessions)
	r.leakedLeases, errs[1] = leaks.Left(ctx, w.leases)
	r.leakedUsers, errs[2] = leaks.Left(ctx, w.users)
	return errors.Join(errs[:]...)
}

// Problems lists what a pool on leases must not do.
func (r *report) Problems() (all cli.Problems) {
	all.Add(r.managed.Failed > 0, "%d operations failed", r.managed.Failed)
	all.Add(r.generations < 2 && r.leasesRenewed == 0, "no lease was followed by another or renewed")
	all.Add(r.opts.outage && r.outage == 0, "Vault was not stopped")
	all.Add(r.maxSessions > r.sessionLimit, "%d sessions, and the budget is %d", r.maxSessions, r.sessionLimit)
	all.Add(r.leakedSessions > 0, "%d sessions left", r.leakedSessions)
	all.Add(r.leakedUsers > 0, "%d database users left", r.leakedUsers)
	all.Add(r.leakedLeases > 0, "%d leases left", r.leakedLeases)
	all.Add(r.leakedGoroutines > 0, "%d goroutines left", r.leakedGoroutines)
	return all
}

// Print writes the table, and what has failed.
func (r *report) Print(out io.Writer) {
	fmt.Fprintf(out, "\n%d goroutines on %d connections for %v, leases of %v%s\n\n", r.opts.Workers, r.opts.Conns,
		r.opts.Length, r.opts.ttl, r.outageText())
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	row := func(name string, format string, values ...any) {
		fmt.Fprintf(table, "%s\t"+format+"\n", append([]any{name}, values...)...)
	}
	row("operations", "%d", r.managed.Queries)
	row("failed", "%d", r.managed.Failed)
	row("p50, p99, p99.9, max", "%s, %s, %s, %s", load.Millis(r.managed.P50), load.Millis(r.managed.P99),
		load.Millis(r.managed.P999), load.Millis(r.managed.Max))
	row("generations", "%d", r.generations)
	row("leases", "%d made, %d renewals, %d revoked", r.leasesMade, r.leasesRenewed, r.leasesRevoked)
	row("most sessions", "%d of %d (MaxConns %d, headroom %d)", r.maxSessions, r.sessionLimit, r.opts.Conns,
		r.sessionLimit-r.opts.Conns)
	row("left at the end", "%d users, %d leases, %d sessions, %d goroutines", r.leakedUsers, r.leakedLeases,
		r.leakedSessions, r.leakedGoroutines)
	table.Flush()
	r.managed.PrintFailures(out, "rekey")
}

func (r *report) outageText() string {
	if r.outage == 0 {
		return ""
	}
	return fmt.Sprintf(", Vault stopped for %v", r.outage.Round(time.Millisecond))
}

package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// options are the command's flags.
type options struct {
	*cli.Flags
	only  string
	sizes string

	rotations   int
	instances   int
	lease       time.Duration
	preferRenew bool
	within      time.Duration
	capacity    float64
	stubborn    bool
	seed        uint64
}

// run does what was asked for. What there is when it is interrupted is worth a report.
func (o options) run(ctx context.Context, _ *cli.Flags) (*report.Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	r := &report.Report{Tool: "scale", Title: "Many pools, and many instances", Taken: time.Now(), Machine: report.ThisMachine("")}
	var err error
	if o.only != "fleet" {
		err = o.growth(ctx, r)
	}
	if err == nil && o.only != "growth" {
		err = o.fleet(ctx, r)
	}
	r.Took = time.Since(r.Taken).Seconds()
	if len(r.Sections) == 0 {
		return nil, err
	}
	return r, err
}

// check says what is wrong with the flags that only this command has.
func (o options) check() error {
	if o.only != "" && o.only != "growth" && o.only != "fleet" {
		return fmt.Errorf("-only %q: want growth or fleet", o.only)
	}
	if _, err := o.poolCounts(); err != nil {
		return err
	}
	if o.instances < 1 || o.rotations < 1 || o.capacity <= 0 || o.within < 0 {
		return fmt.Errorf("-instances, -rotations and -capacity must be positive, -restart-within not negative")
	}
	if o.lease < leastLease {
		return fmt.Errorf("-lease must be at least %v, is %v", leastLease, o.lease)
	}
	return nil
}

// poolCounts reads -pools.
func (o options) poolCounts() (counts []int, err error) {
	for part := range strings.SplitSeq(o.sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-pools %q: want positive numbers with commas between them", o.sizes)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

package main

import (
	"context"
	"runtime"
	"slices"

	"github.com/rekeyhq/rekey/benchmarks/internal/growth"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// growth measures every size of both kinds, and adds a section of what there is when it ends.
func (o options) growth(ctx context.Context, r *report.Report) error {
	sizes, err := o.poolCounts()
	if err != nil {
		return err
	}
	s, err := openSite(ctx, o.DSN, slices.Max(sizes)*o.Conns+runtime.NumCPU())
	if err != nil {
		return err
	}
	defer s.Close()
	r.Machine.Server = s.about
	o.settleGrowth(r)
	g := grown{conns: o.Conns}
	progress := o.NewProgress(2 * len(sizes) * o.Rounds)
	defer func() {
		if len(g.ours) > 0 {
			r.Sections = append(r.Sections, g.section())
		}
	}()
	for range o.Rounds {
		for _, pools := range sizes {
			for _, kind := range []string{growth.Managed, growth.Plain} {
				job := growth.Job{
					Kind: kind, Pools: pools, Conns: o.Conns, DSNs: s.dsns,
					Rotations: o.rotations, Workers: runtime.NumCPU(), Rest: o.For,
				}
				result, err := growth.Run(ctx, job)
				if err != nil {
					return err
				}
				g.add(kind, result)
				progress.Step("%d of %s: %.0f KB of heap and %.1f goroutines each, %.2f ms of CPU a rotation", pools, kind,
					kilobytes(result.Heap)/float64(pools), float64(result.Goroutines)/float64(pools), 1000*result.CPU)
			}
		}
	}
	return nil
}

func (o options) settleGrowth(r *report.Report) {
	r.Settle("connections of each pool", report.Number(float64(o.Conns)).Figure(report.Count))
	r.Settle("rotations at a time", report.Number(float64(runtime.NumCPU())).Figure(report.Count))
}

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// options are the command's flags.
type options struct {
	*cli.Flags
	only string
}

// run measures every way in turn.
func (o options) run(ctx context.Context, _ *cli.Flags) (*report.Report, error) {
	begun := report.Report{
		Tool: "latency", Title: "From a changed secret to the first connection on it", Taken: time.Now(), Machine: report.ThisMachine(""),
	}
	ways := o.ways()
	if len(ways) == 0 {
		return nil, fmt.Errorf("-only %q: there is no such way, or none that -dsn leaves in: Vault makes logins on a server of its own", o.only)
	}
	s, err := openServers(ctx, o.DSN, ways)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var results []result
	progress := o.NewProgress(len(ways))
	for _, w := range ways {
		r, err := o.measure(ctx, s, w)
		if len(r.steps) > 0 {
			results = append(results, r)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", w.name, err)
			if ctx.Err() != nil { // interrupted, or at the end of its time: what there is is worth a report
				return o.report(begun, s, results), err
			}
			return nil, err
		}
		progress.Step("%s: %s", w.name, r)
	}
	return o.report(begun, s, results), nil
}

// ways returns the ways that were asked for and can be measured.
func (o options) ways() (chosen []way) {
	for _, w := range ways {
		if strings.Contains(strings.ToLower(w.name), strings.ToLower(o.only)) && (o.DSN == "" || !w.private) {
			chosen = append(chosen, w)
		}
	}
	return chosen
}

// measure takes the rounds of one way.
func (o options) measure(ctx context.Context, s *servers, w way) (r result, err error) {
	r.way = w
	subject, err := w.open(ctx, s)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, subject.Close()) }()
	rounds := w.rounds(o.Rounds)
	f, err := newFloor(ctx, subject, w.other)
	if err != nil {
		return r, err
	}
	var p *followed
	defer func() { p.close() }()
	for range rounds {
		if p == nil || w.refused { // an earlier refusal makes the pool patient
			p.close()
			if p, err = follow(ctx, subject, o.Conns); err != nil {
				return r, err
			}
		}
		if err := p.settle(ctx); err != nil { // what the hand-over before has to do is not to be in the floor
			return r, err
		}
		floor, err := f.take(ctx)
		if err != nil {
			return r, err
		}
		steps, err := p.round(ctx, w)
		if err != nil {
			return r, err
		}
		r.floors, r.steps = append(r.floors, floor), append(r.steps, steps)
	}
	return r, nil
}

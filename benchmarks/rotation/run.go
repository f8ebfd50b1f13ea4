package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// results are the outcomes of the rounds, in order, by scenario and contender.
type results map[string]map[string][]*outcome

func (r results) add(s, c string, o *outcome) {
	if r[s] == nil {
		r[s] = map[string][]*outcome{}
	}
	r[s][c] = append(r[s][c], o)
}

// run plays every round and reports. When it is stopped it reports what there is.
func (o options) run(ctx context.Context, _ *cli.Flags) (*report.Report, error) {
	began, machine := time.Now(), report.ThisMachine("")
	s, err := server.Open(ctx, o.DSN)
	if err != nil {
		return nil, err
	}
	seen := results{}
	var tooLarge []string
	if o.scenarios, tooLarge = fitting(o.scenarios, o.Conns, s.Limit()); len(o.scenarios) == 0 {
		return nil, errors.Join(fmt.Errorf("the server takes %d sessions (max_connections), too few for %s", s.Limit(), strings.Join(tooLarge, ", ")), s.Close())
	}
	err = o.rounds(ctx, s, seen)
	r := o.report(seen)
	if len(tooLarge) > 0 {
		r.Settle("left out", fmt.Sprintf("%s: the server takes %d sessions", strings.Join(tooLarge, ", "), s.Limit()))
	}
	r.Taken, r.Took = began, time.Since(began).Seconds()
	machine.Server = s.String()
	r.Machine = machine
	err = errors.Join(err, s.Close())
	if len(seen) == 0 {
		return nil, err
	}
	return r, err
}

// spareSessions are for the benchmark itself, and for what else uses the server.
const spareSessions = 20

// fitting are the scenarios that a server has the sessions for, with pools of so many connections where a scenario has no size
// of its own, and the names of the others. Where something rotates, a pool may be exchanged for another one of its size.
func fitting(all []scenario.Scenario, conns, limit int) (fit []scenario.Scenario, tooLarge []string) {
	for _, s := range all {
		needs := cmp.Or(s.Conns, conns)
		if s.Script != nil {
			needs *= 2
		}
		if needs+spareSessions > limit {
			tooLarge = append(tooLarge, s.ID)
		} else {
			fit = append(fit, s)
		}
	}
	return fit, tooLarge
}

// rounds plays each contender in each scenario once a round, in another order each time.
func (o options) rounds(ctx context.Context, s *server.Server, seen results) error {
	progress := o.NewProgress(o.Rounds * len(o.scenarios) * len(o.contenders))
	for round := range o.Rounds {
		for n, sc := range o.scenarios {
			for _, c := range ordered(o.contenders, round*len(o.contenders)/o.Rounds+n) {
				out, err := o.turn(s, sc, c).playInTime(ctx)
				if err != nil {
					return fmt.Errorf("round %d, %s, %s: %w", round+1, sc.ID, c.ID, err)
				}
				seen.add(sc.ID, c.ID, out)
				progress.Step("round %d of %d, %s, %s: %v", round+1, o.Rounds, sc.ID, c.ID, out)
			}
		}
	}
	return nil
}

// ordered is a row of a Latin square: as often as there are contenders, each of them has been at every place once. Its first
// row goes 0, 1, last, 2, last but one and so on, so that two that follow each other in one row do so in few others.
func ordered(all []contender.Contender, row int) []contender.Contender {
	out := make([]contender.Contender, len(all))
	for place := range all {
		n := (place + 1) / 2
		if place%2 == 0 {
			n = len(all) - n
		}
		out[place] = all[(n+row)%len(all)]
	}
	return out
}

func (o options) turn(s *server.Server, sc scenario.Scenario, c contender.Contender) turn {
	t := turn{contender: c, scenario: sc, size: scenario.Size{Server: s, Conns: o.Conns, Rate: o.rate}, length: max(o.For, sc.Length), every: o.every}
	if sc.Conns > 0 {
		t.size.Conns = sc.Conns
	}
	if sc.Fixed {
		t.length = sc.Length
	}
	return t
}

// String is for the line of progress.
func (o *outcome) String() string {
	text := fmt.Sprintf("%d operations, %d failed, p99.9 %v, worst stall %v", o.Ops, o.Failures(),
		o.Quantile(99.9).Round(10*time.Microsecond), o.WorstStall.Round(100*time.Microsecond))
	if len(o.Errors) > 0 {
		text += ", " + strconv.Quote(o.Errors[0])
	}
	return text
}

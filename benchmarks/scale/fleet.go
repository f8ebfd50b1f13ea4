package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/fleet"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

const fleetText = `Simulated in synthetic time, on the state machine of the pools themselves: their due times, jitter, backoffs and circuit breaker. ` +
	`Every instance has one pool and a dynamic role of its own, as with Vault: it fetches a new lease when one is due, tries to renew the one in hand ` +
	`where that fails, and revokes the old one after the hand-over. Requests are fetches, renewals and revocations. Ratios are to the mean of the day.`

// fleet simulates every scenario, and adds a section of what there is when it ends.
func (o options) fleet(ctx context.Context, r *report.Report) error {
	o.settleFleet(r)
	scenarios := o.scenarios()
	progress := o.NewProgress(len(scenarios))
	var done []simulated
	defer func() {
		if len(done) > 0 {
			r.Sections = append(r.Sections, fleetSection(o, done))
		}
	}()
	for _, s := range scenarios {
		began := time.Now()
		result, err := fleet.Run(ctx, s.config, nil)
		if err != nil {
			return err
		}
		done = append(done, simulated{scenario: s, result: result})
		progress.Step("%s: %v of %d instances in %v", s.title, s.config.Length, s.config.Instances, time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func (o options) settleFleet(r *report.Report) {
	r.Settle("simulated instances", report.Number(float64(o.instances)).Figure(report.Count))
	r.Settle("their leases", o.lease.String())
	r.Settle("the simulated source", fmt.Sprintf("answers in %v; the slow one %v requests a second", sourceLatency, o.capacity))
	if o.preferRenew {
		r.Settle("the simulated pools", "Options.PreferRenew")
	}
}

// simulated is a scenario and what came of it.
type simulated struct {
	scenario
	result *fleet.Result
}

func fleetSection(o options, all []simulated) report.Section {
	s := report.Section{ID: "fleet", Title: fmt.Sprintf("A fleet of %d instances", o.instances), Text: fleetText}
	s.Tables = []report.Table{loads(all), kinds(all)}
	for _, one := range all {
		s.Charts = append(s.Charts, one.requests())
	}
	last := all[len(all)-1]
	s.Charts = append(s.Charts, last.usable())
	return s
}

// loads is what the source bears, window by window.
func loads(all []simulated) report.Table {
	table := report.Table{ID: "load", Title: "What the source bears", Key: "when", Columns: []report.Column{
		{Name: "requests", Unit: report.Count}, {Name: "mean", Unit: report.PerSecond},
		{Name: "worst second", Unit: report.PerSecond}, {Name: "worst minute", Unit: report.PerSecond, Help: "a second, over the worst minute"},
		{Name: "least with a login", Unit: report.Percent, Help: "of all instances, in the worst second"},
		{Name: "all have one after", Unit: report.Seconds, Help: "from the restart, or from the end of the outage"},
	}}
	normal := all[0].load(all[0].windows[0])
	for _, s := range all {
		for n, w := range s.windows {
			name := s.title + ": " + w.name
			if len(s.windows) == 1 {
				name = s.title
			}
			load := s.load(w)
			over := func(x float64) report.Value { return report.Number(x).Over([]float64{x}, []float64{normal.Mean}) }
			table.Add(name, report.Number(float64(load.Requests)), over(load.Mean), over(load.PeakSecond), over(load.PeakMinute),
				report.Number(100*float64(s.result.LeastUsable(w.Window))/float64(s.config.Instances)), s.recovery(n))
		}
	}
	return table
}

func (s simulated) load(w named) fleet.Load { return s.result.Requests().Over(w.Window) }

// recovery is how long it takes until all instances have a login, told once a scenario.
func (s simulated) recovery(window int) report.Value {
	if len(s.windows) < 2 || window != len(s.windows)-2 {
		return report.None()
	}
	for n := int(s.at / time.Second); n < len(s.result.Usable); n++ {
		if s.result.Usable[n] == s.config.Instances {
			return report.Number(float64(n+1) - s.at.Seconds())
		}
	}
	return report.Text("never")
}

// kinds says what the requests are.
func kinds(all []simulated) report.Table {
	table := report.Table{ID: "kinds", Title: "What is asked for", Key: "when", Columns: []report.Column{
		{Name: "fetches", Unit: report.Count}, {Name: "renewals", Unit: report.Count}, {Name: "revocations", Unit: report.Count},
	}}
	for _, s := range all {
		for _, w := range s.windows {
			name := s.title + ": " + w.name
			if len(s.windows) == 1 {
				name = s.title
			}
			count := func(r fleet.Rate) report.Value { return report.Number(float64(r.Over(w.Window).Requests)) }
			table.Add(name, count(s.result.Fetches), count(s.result.Renewals), count(s.result.Revocations))
		}
	}
	return table
}

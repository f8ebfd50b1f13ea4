package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/report"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// short is a run that a test has time for.
func short(t *testing.T, contenders, scenarios string) options {
	t.Helper()
	o := options{rate: 200, every: scenario.Every}
	o.Flags = cli.Register(flag.NewFlagSet("test", flag.PanicOnError), cli.Defaults{Rounds: 1, For: 1600 * time.Millisecond, Conns: 4})
	o.Quiet = true
	var err error
	if o.contenders, err = pick("contenders", contender.All, contenderID, contenders); err != nil {
		t.Fatal(err)
	}
	if o.scenarios, err = pick("scenarios", scenario.All, scenarioID, scenarios); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestEveryContender plays one scenario with all of them, on a real server.
func TestEveryContender(t *testing.T) {
	r, err := short(t, "", "newrole").run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	table := wellFormed(t, r, "newrole")
	for _, c := range contender.All {
		if v, ok := table.Cell(c.Name, "p50"); !ok || v.Median <= 0 {
			t.Errorf("%s: p50 %+v", c.Name, v)
		}
		failed, _ := table.Cell(c.Name, "failed")
		if (c.Ours || c.Floor) && failed.Max != 0 {
			t.Errorf("%s: %v failed", c.Name, failed.Max)
		}
		sessions, _ := table.Cell(c.Name, "sessions")
		if sessions.Max < 1 || c.Ours && sessions.Max > 4+1 {
			t.Errorf("%s: %v sessions", c.Name, sessions.Max)
		}
		calls, _ := table.Cell(c.Name, "store calls")
		if c.Floor != (calls.Max == 0) {
			t.Errorf("%s: %v calls of the store", c.Name, calls.Max)
		}
	}
}

// TestEveryScenario plays all of them with each pool of ours: nothing fails, also where no login works for a while, as each
// caller has the time to wait; and there is never more than one session beyond the pool's size.
func TestEveryScenario(t *testing.T) {
	scenarios := ""
	if testing.Short() {
		scenarios = "killed,cold"
	}
	o := short(t, "inplace,replace,sqldb", scenarios)
	r, err := o.run(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range o.scenarios {
		table := wellFormed(t, r, s.ID)
		for _, row := range table.Rows {
			figure := func(name string) float64 { v, _ := table.Cell(row.Name, name); return v.Max }
			if figure("failed") != 0 {
				t.Errorf("%s, %s: %v failed", s.ID, row.Name, figure("failed"))
			}
			if most := cmp.Or(s.Conns, o.Conns) + 1; figure("sessions") > float64(most) {
				t.Errorf("%s, %s: %v sessions, and %d are allowed", s.ID, row.Name, figure("sessions"), most)
			}
			if s.ID != "killed" && figure("cut off") != 0 {
				t.Errorf("%s, %s: %v statements killed, and nobody killed any", s.ID, row.Name, figure("in flight"))
			}
		}
	}
}

// wellFormed returns a scenario's table, and writes the report in every form.
func wellFormed(t *testing.T, r *report.Report, id string) report.Table {
	t.Helper()
	section, ok := r.Section(id)
	if !ok || len(section.Tables) < 1 || len(section.Charts) < 2 {
		t.Fatalf("%s: there is %v, with %d tables and %d charts", id, ok, len(section.Tables), len(section.Charts))
	}
	var text, page bytes.Buffer
	if err := errors.Join(r.WriteTable(&text), r.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), section.Title) || !strings.Contains(page.String(), "<svg") {
		t.Errorf("%s is missing", id)
	}
	return section.Tables[0]
}

// TestStopped reports what there is when it is stopped in the second turn.
func TestStopped(t *testing.T) {
	o := short(t, "plain", "newrole")
	o.Rounds = 1000
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	turns, open := 0, o.contenders[0].Open
	o.contenders[0].Open = func(ctx context.Context, w contender.World) (contender.Pool, error) {
		if turns++; turns == 2 {
			cancel()
		}
		return open(ctx, w)
	}
	r, err := o.run(ctx, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	if r == nil {
		t.Fatal("and with nothing")
	}
	table := wellFormed(t, r, "newrole")
	if v, ok := table.Cell("plain pgxpool, no rotation", "p50"); !ok || v.Rounds != 1 {
		t.Errorf("%d rounds", v.Rounds)
	}
}

// TestOrdered: each row has all of them; and each of them is at every place once.
func TestOrdered(t *testing.T) {
	seen := map[string]bool{}
	for row := range contender.All {
		for place, c := range ordered(contender.All, row) {
			seen[fmt.Sprint(c.ID, " at ", place)] = true
			seen[fmt.Sprint(c.ID, " in ", row)] = true
		}
	}
	if n := len(contender.All); len(seen) != 2*n*n {
		t.Errorf("%d of %d", len(seen), 2*n*n)
	}
}

func TestPick(t *testing.T) {
	some, err := pick("contenders", contender.All, contenderID, "sqldb, plain")
	if err != nil || len(some) != 2 || some[0].ID != "plain" {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := pick("contenders", contender.All, contenderID, "none"); err == nil || !strings.Contains(err.Error(), `"none"`) {
		t.Error(err)
	}
}

// TestNothingBeforeTheRotation: a pool that is reset at each change asks the store once for each of its connections, for
// each rotation, and for nothing before the first one.
func TestNothingBeforeTheRotation(t *testing.T) {
	o := short(t, "reset", "newrole")
	o.For, o.rate = scenario.Lead+scenario.Every*3/4, 1000
	s, err := server.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := o.turn(s, o.scenarios[0], o.contenders[0]).play(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rotations := 0
	for _, m := range out.marks {
		if m.Label == "new role" {
			rotations++
		}
	}
	if rotations != 1 || out.calls < 1 || out.calls > rotations*o.Conns {
		t.Errorf("%d calls of the store, %d rotations of %d connections", out.calls, rotations, o.Conns)
	}
}

// TestFitting: what the server has too few sessions for is left out, and named.
func TestFitting(t *testing.T) {
	for _, test := range []struct {
		conns, limit, fit int
		tooLarge          string
	}{
		{10, 200, len(scenario.All), ""}, // a private server
		{10, 100, len(scenario.All) - 1, "large"},
		{10, 50, len(scenario.All) - 1, "large"}, // nothing rotates in the pool of 30
		{10, 49, len(scenario.All) - 2, "large cold"},
		{100, 200, 2, "password newrole killed busy outage expired limited wrong"},
		{10, 20, 0, "password newrole killed busy large outage expired limited wrong cold"},
	} {
		fit, tooLarge := fitting(scenario.All, test.conns, test.limit)
		if len(fit) != test.fit || strings.Join(tooLarge, " ") != test.tooLarge {
			t.Errorf("pools of %d on %d: %d fit, too large: %v", test.conns, test.limit, len(fit), tooLarge)
		}
	}
}

// Command rotation measures what a rotation of credentials does to a pool's callers: rekey's pools, and what one would
// otherwise use, in one run and in turns, so that the moods of the machine hit all alike.
//
//	go run ./rotation                                   # everything, on a private PostgreSQL
//	go run ./rotation -rounds 5 -html rotation.html     # with plots
//	go run ./rotation -scenarios newrole -contenders plain,inplace -rate 2000 -cpuprofile cpu.out
//	go run ./rotation -dsn "$ADMIN_DSN" -conns 20       # on your server
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
)

func main() {
	var o options
	o.Flags = cli.Register(flag.CommandLine, cli.Defaults{Rounds: 3, For: 3 * time.Second})
	flag.Float64Var(&o.rate, "rate", 2200, "operations a second, where connections are mostly idle")
	flag.DurationVar(&o.every, "every", scenario.Every, "time between rotations, in scenarios that have several")
	contenders := flag.String("contenders", "", "which, by commas: "+strings.Join(ids(contender.All, contenderID), ", "))
	scenarios := flag.String("scenarios", "", "which, by commas: "+strings.Join(ids(scenario.All, scenarioID), ", "))
	flag.Parse()
	var err error
	if o.contenders, err = pick("contenders", contender.All, contenderID, *contenders); err == nil {
		o.scenarios, err = pick("scenarios", scenario.All, scenarioID, *scenarios)
	}
	if *contenders == "" {
		o.contenders = slices.DeleteFunc(slices.Clone(contender.All), func(c contender.Contender) bool { return c.Extension })
	}
	if o.rate <= 0 || o.rate > mostRate || o.every <= 0 {
		err = fmt.Errorf("-rate must be positive and at most %d, and -every positive", mostRate)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "rotation:", err)
		os.Exit(2)
	}
	cli.Main("rotation", o.Flags, o.run)
}

// mostRate is more than any pool can bear: operations that are late pile up, and each of them needs memory.
const mostRate = 100_000

// options are the command's flags.
type options struct {
	*cli.Flags
	rate       float64
	every      time.Duration
	contenders []contender.Contender
	scenarios  []scenario.Scenario
}

func contenderID(c contender.Contender) string { return c.ID }
func scenarioID(s scenario.Scenario) string    { return s.ID }

func ids[T any](all []T, id func(T) string) (out []string) {
	for _, x := range all {
		out = append(out, id(x))
	}
	return out
}

// pick returns those that are named, in their own order; all where none is.
func pick[T any](flag string, all []T, id func(T) string, names string) (out []T, err error) {
	if names == "" {
		return all, nil
	}
	wanted := map[string]bool{}
	for name := range strings.SplitSeq(names, ",") {
		wanted[strings.TrimSpace(name)] = true
	}
	for _, x := range all {
		if wanted[id(x)] {
			out = append(out, x)
			delete(wanted, id(x))
		}
	}
	if len(wanted) > 0 {
		return nil, fmt.Errorf("-%s: there is no %q", flag, slices.Sorted(maps.Keys(wanted)))
	}
	return out, nil
}

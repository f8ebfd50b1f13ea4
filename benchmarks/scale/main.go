// Command scale says what many pools cost. First for real: 1 to 1,000 pools in one process, on a real server, their memory,
// goroutines and CPU at rest and for each rotation, and whether that grows in proportion. Then simulated: a fleet of 10,000
// instances with leases from one source, on the pools' own state machine, and how often they ask the source in a day, when all
// are restarted at once, and when the source has been away for an hour.
//
//	go run ./scale -html scale.html
//	go run ./scale -only fleet -instances 50000 -lease 24h
package main

import (
	"flag"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/growth"
)

func main() {
	growth.Main()
	o := options{Flags: cli.Register(flag.CommandLine, cli.Defaults{Rounds: 1, For: 2 * time.Second, Conns: 1, Limit: 15 * time.Minute})}
	flag.StringVar(&o.only, "only", "", "growth or fleet; both by default")
	flag.StringVar(&o.sizes, "pools", "1,10,100,300,1000", "numbers of pools in one process; with -conns each they need as many sessions")
	flag.IntVar(&o.rotations, "rotations", 50, "rotations of each size at least; every pool is rotated equally often, and at least once")
	flag.IntVar(&o.instances, "instances", 10_000, "instances of the simulated fleet")
	flag.DurationVar(&o.lease, "lease", time.Hour, "life of a simulated lease")
	flag.BoolVar(&o.preferRenew, "prefer-renew", false, "simulate Options.PreferRenew")
	flag.DurationVar(&o.within, "restart-within", time.Second, "the simulated restart reaches all instances within this")
	flag.Float64Var(&o.capacity, "capacity", 200, "requests a second that the simulated source can answer, in the run with a slow one")
	flag.BoolVar(&o.stubborn, "stubborn", false, "the slow source also works on requests whose client has gone")
	flag.Uint64Var(&o.seed, "seed", 1, "of the simulations")
	flag.Parse()
	cli.Main("scale", o.Flags, o.run)
}

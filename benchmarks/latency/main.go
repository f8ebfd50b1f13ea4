// Command latency measures how long it takes from a secret being changed at its source until a pool has its first
// connection made with the new one, and where the time goes: until the change is noticed, in fetching, in verifying, in
// publishing, in handing over. It does so for files, Vault and Secrets Manager, and for both ways in which a change is
// found: by the source's own watch, poll or schedule, and by a login that the server has refused. The floor, taken in
// turn, is the least that it could take: one connect plus the probe.
//
//	go run ./latency -rounds 20 -html latency.html
package main

import (
	"flag"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
)

func main() {
	flags := cli.Register(flag.CommandLine, cli.Defaults{Rounds: 20, For: time.Second, Conns: 4, Limit: 10 * time.Minute})
	o := options{Flags: flags}
	flag.StringVar(&o.only, "only", "", "only ways with this in their names, such as file, vault or refused")
	flag.Parse()
	cli.Main("latency", flags, o.run)
}

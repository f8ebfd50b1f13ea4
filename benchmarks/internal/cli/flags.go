// Package cli is what the benchmark commands have in common on their command lines: flags, profiles, progress, and where
// the report goes.
//
//	flags := cli.Register(flag.CommandLine, cli.Defaults{Rounds: 5, For: 5 * time.Second})
//	flag.Parse()
//	cli.Main("rotation", flags, run) // run(ctx, *cli.Flags) (*report.Report, error)
package cli

import (
	"flag"
	"time"
)

// Flags are the ones that every command has.
type Flags struct {
	DSN    string        // an administrator's connection string of the user's server; empty: a private one
	Rounds int           // of each contender
	For    time.Duration // of a round
	Conns  int           // each pool's size
	Limit  time.Duration // after which the whole run stops

	JSON, HTML string // files to write; empty: none
	SVG        string // a folder for the pictures; empty: none
	Quiet      bool   // no progress

	CPUProfile, MemProfile, BlockProfile, MutexProfile string // files to write; empty: none
}

// Defaults are those flags' values that differ from command to command. Zero means 3 rounds, 5 s, 10 connections, 20 minutes.
type Defaults struct {
	Rounds int
	For    time.Duration
	Conns  int
	Limit  time.Duration
}

// Register adds the flags to set.
func Register(set *flag.FlagSet, d Defaults) *Flags {
	d = d.filled()
	f := new(Flags)
	set.StringVar(&f.DSN, "dsn", "", "an administrator's connection string: run there, not on a private server; what is made is dropped")
	set.IntVar(&f.Rounds, "rounds", d.Rounds, "rounds of each contender; they take turns")
	set.DurationVar(&f.For, "for", d.For, "length of a round")
	set.IntVar(&f.Conns, "conns", d.Conns, "connections of each pool")
	set.DurationVar(&f.Limit, "limit", d.Limit, "stop after this long, whatever is missing")
	set.StringVar(&f.JSON, "json", "", "write the report to this file as JSON")
	set.StringVar(&f.HTML, "html", "", "write the report to this file as one HTML page")
	set.StringVar(&f.SVG, "svg", "", "write the charts to this folder")
	set.BoolVar(&f.Quiet, "q", false, "show no progress")
	set.StringVar(&f.CPUProfile, "cpuprofile", "", "write a CPU profile to this file")
	set.StringVar(&f.MemProfile, "memprofile", "", "write a profile of all allocations to this file")
	set.StringVar(&f.BlockProfile, "blockprofile", "", "write a profile of waiting to this file")
	set.StringVar(&f.MutexProfile, "mutexprofile", "", "write a profile of lock contention to this file")
	return f
}

func (d Defaults) filled() Defaults {
	if d.Rounds == 0 {
		d.Rounds = 3
	}
	if d.For == 0 {
		d.For = 5 * time.Second
	}
	if d.Conns == 0 {
		d.Conns = 10
	}
	if d.Limit == 0 {
		d.Limit = 20 * time.Minute
	}
	return d
}

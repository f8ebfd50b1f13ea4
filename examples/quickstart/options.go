package main

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// options are what the command line can change.
type options struct {
	length  time.Duration // of all turns with rotation together; the plain pool gets as much
	every   time.Duration
	conns   int
	workers int
	json    bool
}

// mostConns is what the private server has room for: for a moment there are two naive pools.
const mostConns = 60

func parseOptions(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("quickstart", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.length, "for", 20*time.Second, "how long to rotate; the plain pool is measured as long, the naive one a quarter")
	flags.DurationVar(&o.every, "every", time.Second, "time from one rotation to the next")
	flags.IntVar(&o.conns, "conns", 10, "connections of each pool (MaxConns)")
	flags.IntVar(&o.workers, "workers", 32, "goroutines that use each pool")
	flags.BoolVar(&o.json, "json", false, "print the result as one JSON object, the last line of standard output")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	err := o.validate(flags.NArg())
	if err != nil {
		fmt.Fprintln(stderr, "quickstart:", err)
	}
	return o, err
}

func (o options) validate(extra int) error {
	switch {
	case extra > 0:
		return fmt.Errorf("there are flags only, no arguments")
	case o.every <= 0 || o.length < o.every:
		return fmt.Errorf("-every must be more than zero and not more than -for")
	case o.conns < 1 || o.conns > mostConns:
		return fmt.Errorf("-conns must lie between 1 and %d", mostConns)
	case o.workers < 1:
		return fmt.Errorf("-workers must be at least 1")
	}
	return nil
}

// rounds is how often the pools take turns: often enough for drift to hit both, and each turn long enough for a
// few rotations.
func (o options) rounds() int {
	turn := max(5*o.every, 2*time.Second)
	return max(1, int(o.length/turn))
}

// turn is the length of one turn.
func (o options) turn() time.Duration { return o.length / time.Duration(o.rounds()) }

// naive is how long the naive pool runs: it needs no precision.
func (o options) naive() time.Duration { return max(o.length/4, 2*o.every) }

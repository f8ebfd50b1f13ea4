package main

import (
	"errors"
	"io"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli"
)

// options are what the command line can change. Its Length is that of all turns with rotation together; the plain pool
// gets as much.
type options struct {
	cli.Options
	every time.Duration
}

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{Options: cli.Options{Name: "quickstart"}}
	flags := o.Flags(stderr, 20*time.Second, "how long to rotate; the plain pool is measured as long, the naive one a quarter")
	flags.DurationVar(&o.every, "every", time.Second, "time from one rotation to the next")
	err := o.Parse(flags, args, func() error { return o.validate() })
	return o, err
}

func (o options) validate() error {
	if o.every <= 0 || o.Length < o.every {
		return errors.New("-every must be more than zero and not more than -for")
	}
	return nil
}

// rounds is how often the pools take turns: often enough for drift to hit both, and each turn long enough for a
// few rotations.
func (o options) rounds() int {
	turn := max(5*o.every, 2*time.Second)
	return max(1, int(o.Length/turn))
}

// turn is the length of one turn.
func (o options) turn() time.Duration { return o.Length / time.Duration(o.rounds()) }

// naive is how long the naive pool runs: it needs no precision.
func (o options) naive() time.Duration { return max(o.Length/4, 2*o.every) }

package cli

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// Options are what the command line of every demonstration can change.
type Options struct {
	Name    string // of the program
	Length  time.Duration
	Conns   int
	Workers int
	JSON    bool
}

// mostConns is what the private server has room for: a demonstration may have two pools of that many.
const mostConns = 60

// Flags returns the flags that all have; length is the default of -for, and usage says what it means.
func (o *Options) Flags(stderr io.Writer, length time.Duration, usage string) *flag.FlagSet {
	flags := flag.NewFlagSet(o.Name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&o.Length, "for", length, usage)
	flags.IntVar(&o.Conns, "conns", 10, "connections of each pool (MaxConns)")
	flags.IntVar(&o.Workers, "workers", 32, "goroutines that use each pool")
	flags.BoolVar(&o.JSON, "json", false, "print the result as one JSON object, the last line of standard output")
	return flags
}

// Parse reads the command line and checks it; validate checks the program's own flags. Whatever is wrong is said.
func (o *Options) Parse(flags *flag.FlagSet, args []string, validate func() error) error {
	if err := flags.Parse(args); err != nil {
		return err
	}
	err := o.validate(flags.NArg())
	if err == nil {
		err = validate()
	}
	if err != nil {
		fmt.Fprintf(flags.Output(), "%s: %v\n", o.Name, err)
	}
	return err
}

func (o *Options) validate(extra int) error {
	switch {
	case extra > 0:
		return fmt.Errorf("there are flags only, no arguments")
	case o.Conns < 1 || o.Conns > mostConns:
		return fmt.Errorf("-conns must lie between 1 and %d", mostConns)
	case o.Workers < 1:
		return fmt.Errorf("-workers must be at least 1")
	}
	return nil
}

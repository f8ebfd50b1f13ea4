package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli"
)

// options are what the command line can change.
type options struct {
	cli.Options
	ttl         time.Duration
	preferRenew bool
	outage      bool
}

const (
	shortestTTL = 2 * time.Second
	// renewals is how often a lease can be renewed before its max_ttl: -prefer-renew shall show both, the same user
	// for longer, and another one after that.
	renewals = 2
	// leastLeases is how many lives of a lease a run lasts: an outage in its middle is to be followed by calm.
	leastLeases = 2
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{Options: cli.Options{Name: "vault"}}
	flags := o.Flags(stderr, 30*time.Second, "how long the load lasts")
	flags.DurationVar(&o.ttl, "ttl", 4*time.Second, "life of a lease, in whole seconds")
	flags.BoolVar(&o.preferRenew, "prefer-renew", false,
		fmt.Sprintf("renew leases, up to %d times their life, before asking for new ones", renewals+1))
	flags.BoolVar(&o.outage, "outage", false,
		"stop Vault in the middle, for nine tenths of the time from a refresh to the end of the connections")
	err := o.Parse(flags, args, func() error { return o.validate() })
	return o, err
}

func (o options) validate() error {
	switch {
	case o.ttl < shortestTTL || o.ttl%time.Second != 0:
		return fmt.Errorf("-ttl must be whole seconds, at least %v", shortestTTL)
	case o.Length < leastLeases*o.ttl:
		return errors.New("-for must be at least twice -ttl")
	}
	return nil
}

// maxTTL is the longest that a lease lives, renewals included.
func (o options) maxTTL() time.Duration { return (renewals + 1) * o.ttl }

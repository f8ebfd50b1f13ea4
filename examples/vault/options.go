package main

import (
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
	defaultTTL  = 4 * time.Second
	// defaultOutageTTL leaves 0.2 s for whatever is to be done after an outage. Of a lease of four seconds that would
	// be less than 0.1 s, too little for ten busy connections.
	defaultOutageTTL = 10 * time.Second
	// renewals is how often a lease can be renewed before its max_ttl: -prefer-renew shall show both, the same user
	// for longer, and another one after that.
	renewals = 2
	// leastLeases is how many lives of a lease a run lasts at least: an outage in its middle begins up to two thirds
	// of a life later, and is to be followed by calm.
	leastLeases, leastLeasesOutage = 2, 3
)

func parseOptions(args []string, stderr io.Writer) (options, error) {
	o := options{Options: cli.Options{Name: "vault"}}
	flags := o.Flags(stderr, 30*time.Second, "how long the load lasts")
	flags.DurationVar(&o.ttl, "ttl", 0,
		fmt.Sprintf("life of a lease, in whole seconds (default %v; %v with -outage)", defaultTTL, defaultOutageTTL))
	flags.BoolVar(&o.preferRenew, "prefer-renew", false,
		fmt.Sprintf("renew leases, up to %d times their life, before asking for new ones", renewals+1))
	flags.BoolVar(&o.outage, "outage", false,
		"stop Vault in the middle, for nine tenths of the time from a refresh to the end of the connections")
	err := o.Parse(flags, args, func() error {
		o.setDefault()
		return o.validate()
	})
	return o, err
}

func (o *options) setDefault() {
	switch {
	case o.ttl != 0:
	case o.outage:
		o.ttl = defaultOutageTTL
	default:
		o.ttl = defaultTTL
	}
}

func (o options) validate() error {
	switch {
	case o.ttl < shortestTTL || o.ttl%time.Second != 0:
		return fmt.Errorf("-ttl must be whole seconds, at least %v", shortestTTL)
	case o.Length < leastLeases*o.ttl, o.outage && o.Length < leastLeasesOutage*o.ttl:
		return fmt.Errorf("-for must be at least %d times -ttl, %d times with -outage", leastLeases, leastLeasesOutage)
	}
	return nil
}

// maxTTL is the longest that a lease lives, renewals included.
func (o options) maxTTL() time.Duration { return (renewals + 1) * o.ttl }

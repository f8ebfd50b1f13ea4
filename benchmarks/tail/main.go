// Command tail measures what a rotation does to the latency of everybody else's queries: a managed pool that
// rotates against a plain pgxpool that does not, on one private PostgreSQL, in rounds that take turns so that the
// machine's moods hit both. It prints medians over the rounds, their ranges, and the ratios. With -floor there is a
// third contender: a plain pool that keeps its connections, while as many logins are made beside it as a rotation needs.
// What the managed pool is slower than that is what its hand-over costs; the rest is what logins cost.
//
//	go run ./tail -scenario quiet -rounds 9 -for 8s
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv"
)

func main() {
	var o options
	flag.StringVar(&o.scenario, "scenario", "quiet", "quiet: 16 callers, 1 ms apart; busy: 3 callers a connection, 20 ms queries")
	flag.IntVar(&o.rounds, "rounds", 9, "rounds of each contender")
	flag.DurationVar(&o.length, "for", 8*time.Second, "length of a round")
	flag.DurationVar(&o.every, "every", time.Second, "time between rotations")
	flag.IntVar(&o.conns, "conns", 10, "MaxConns of each pool")
	flag.StringVar(&o.mode, "mode", "inplace", "of the managed pool: inplace, replace, or both, one after the other")
	flag.IntVar(&o.headroom, "headroom", 1, "Options.Headroom of the managed pool")
	flag.BoolVar(&o.floor, "floor", false, "compare with a plain pool beside which as many logins are made, too")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of the managed rounds to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "tail:", err)
		os.Exit(1)
	}
}

// options are the command's flags.
type options struct {
	scenario string
	rounds   int
	length   time.Duration
	every    time.Duration
	conns    int
	mode     string
	headroom int
	floor    bool
	profile  string
}

func run(ctx context.Context, o options) error {
	load, err := loadFor(o)
	if err != nil {
		return err
	}
	server, err := testenv.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	db, err := server.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	if err := db.Set(ctx, "log_statement", "none"); err != nil {
		return err
	}
	issuer, err := testenv.NewIssuer(ctx, db, nil)
	if err != nil {
		return err
	}
	defer issuer.Close()
	return compare(ctx, o, load, issuer)
}

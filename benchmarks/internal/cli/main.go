package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// Main runs a command to its end and writes what it found. run stops when its context ends, which an interrupt and
// Flags.Limit bring about, and may return a report of what there is until then beside its error.
func Main(tool string, f *Flags, run func(context.Context, *Flags) (*report.Report, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, f, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", tool, err)
		os.Exit(1)
	}
}

func execute(ctx context.Context, f *Flags, run func(context.Context, *Flags) (*report.Report, error)) error {
	if f.Rounds < 1 || f.For <= 0 || f.Conns < 1 {
		return errors.New("-rounds, -for and -conns must be positive")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.Limit, fmt.Errorf("stopped after -limit %v", f.Limit))
	defer cancel()
	stopProfiles, err := f.startProfiles()
	if err != nil {
		return err
	}
	r, err := run(ctx, f)
	err = errors.Join(err, stopProfiles())
	if r == nil {
		return err
	}
	return errors.Join(err, f.Write(r))
}

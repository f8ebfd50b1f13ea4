package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/rekeyhq/rekey/benchmarks/internal/report"
)

// Main runs a command to its end and writes what it found. run stops when its context ends, which an interrupt and
// Flags.Limit bring about, and may return a report of what there is until then beside its error.
func Main(tool string, f *Flags, run func(context.Context, *Flags) (*report.Report, error)) {
	NoArgs(tool)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := execute(ctx, f, run); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", tool, err)
		os.Exit(1)
	}
}

// NoArgs ends a command that was given words that are no flags: a flag after one of them would not be read.
func NoArgs(tool string) {
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%s: there is no use for %q\n", tool, flag.Args())
		os.Exit(2)
	}
}

// errLimit is the cause of a context that Flags.Limit has ended.
var errLimit = errors.New("stopped after -limit")

// execute runs and writes. A run that comes to its limit with a report is no failure: the report says that it is not all.
func execute(ctx context.Context, f *Flags, run func(context.Context, *Flags) (*report.Report, error)) error {
	if err := f.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.Limit, fmt.Errorf("%w %v", errLimit, f.Limit))
	defer cancel()
	stopProfiles, err := f.startProfiles()
	if err != nil {
		return err
	}
	r, err := run(ctx, f)
	profiles := stopProfiles()
	limited := err != nil && errors.Is(context.Cause(ctx), errLimit)
	if r == nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w, with nothing to report", context.Cause(ctx))
		}
		return errors.Join(err, profiles)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx) // not what it has broken off, with the server's address in it
	}
	if err != nil {
		r.Incomplete = err.Error()
	}
	if limited {
		r.Incomplete, err = context.Cause(ctx).Error(), nil
	}
	return errors.Join(err, profiles, f.Write(r))
}

// check sees to it that a run is not in vain.
func (f *Flags) check() error {
	if f.Rounds < 1 || f.For <= 0 || f.Conns < 1 || f.Limit <= 0 {
		return errors.New("-rounds, -for, -conns and -limit must be positive")
	}
	var errs []error
	for _, path := range []string{f.JSON, f.HTML, f.CPUProfile, f.MemProfile, f.BlockProfile, f.MutexProfile} {
		if path != "" {
			errs = append(errs, touch(path))
		}
	}
	if f.SVG != "" {
		errs = append(errs, os.MkdirAll(f.SVG, 0o755))
	}
	return errors.Join(errs...)
}

// touch makes a file if there is none; one that is there keeps what is in it.
func touch(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

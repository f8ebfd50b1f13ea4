// Package cli is what the demonstrations have in common as programs: flags, exit codes, and how a result is shown.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/rekeyhq/rekey/examples/internal/progress"
)

// Exit codes. The last one is what shells give a program that Ctrl-C has ended.
const (
	ExitFailed      = 1
	ExitUsage       = 2
	ExitInterrupted = 130
)

// Result is what a demonstration has shown. As JSON it is the object that -json prints.
type Result interface {
	json.Marshaler

	// Print writes the tables.
	Print(out io.Writer)

	// Problems lists what must not have happened. Empty is good.
	Problems() Problems
}

// Program is what a demonstration is, apart from its process. It returns the exit code.
type Program func(ctx context.Context, args []string, stdout, stderr io.Writer) int

// Main runs a program, whose context Ctrl-C ends, and exits.
func Main(run Program) {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second Ctrl-C ends us at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// Unparsed returns the exit code after an error of [Options.Parse], which is shown already.
func Unparsed(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	return ExitUsage
}

// Show performs a demonstration, prints its result, and returns the exit code.
func (o Options) Show(ctx context.Context, stdout, stderr io.Writer, result Result,
	perform func(context.Context, *progress.Progress) error) int {
	out := stdout
	if o.JSON {
		out = stderr // standard output is for the object alone
	}
	show := progress.Start(out)
	err := perform(ctx, show)
	show.Stop()
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "stopped")
		return ExitInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "%s: %v\n", o.Name, err)
		return ExitFailed
	}
	return o.print(result, out, stdout)
}

func (o Options) print(result Result, out, stdout io.Writer) (code int) {
	result.Print(out)
	for _, problem := range result.Problems() {
		fmt.Fprintln(out, "FAILED:", problem)
		code = ExitFailed
	}
	if o.JSON && json.NewEncoder(stdout).Encode(result) != nil {
		code = ExitFailed
	}
	return code
}

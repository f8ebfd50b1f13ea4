// Quickstart shows a pool whose login changes every second while 32 goroutines use it, on a PostgreSQL of its
// own. The part that a service needs is in service.go; all else is the stage.
//
//	cd examples && go run ./quickstart
//	cd examples && go run ./quickstart -for 1m -every 200ms
//	cd examples && go run ./quickstart -json
package main

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
)

// Exit codes. The last one is what shells give a program that Ctrl-C has ended.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second Ctrl-C ends us at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program, and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	out := stdout
	if opts.json {
		out = stderr // standard output is for the object alone
	}
	result, err := perform(ctx, opts, out)
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "stopped")
		return exitInterrupted
	case err != nil:
		fmt.Fprintln(stderr, "quickstart:", err)
		return exitFailed
	}
	result.print(out)
	if opts.json {
		err = json.NewEncoder(stdout).Encode(result)
	}
	if err != nil || len(result.problems()) > 0 {
		return exitFailed
	}
	return 0
}

// perform runs the demonstration with its progress shown on out.
func perform(ctx context.Context, opts options, out io.Writer) (*report, error) {
	show := startProgress(out)
	defer show.stop()
	d := &demo{opts: opts, show: show, report: newReport(opts)}
	return d.report, d.run(ctx)
}

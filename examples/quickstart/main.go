// Quickstart shows a pool whose login changes every second while 32 goroutines use it, on a PostgreSQL of its
// own. The part that a service needs is in service.go; all else is the stage.
//
//	cd examples && go run ./quickstart
//	cd examples && go run ./quickstart -for 1m -every 200ms
//	cd examples && go run ./quickstart -json
package main

import (
	"context"
	"io"

	"github.com/rekeyhq/rekey/examples/internal/cli"
)

func main() { cli.Main(run) }

// run is the program, and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, stderr)
	if err != nil {
		return cli.Unparsed(err)
	}
	d := &demo{opts: opts, report: newReport(opts)}
	return opts.Show(ctx, stdout, stderr, d.report, d.run)
}

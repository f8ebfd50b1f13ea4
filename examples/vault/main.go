// Vault shows a pool on leases of a few seconds while 32 goroutines use it: each lease is a database user that a real
// Vault makes, and that is dropped after its hand-over. Vault and PostgreSQL are private servers; the first time Vault is
// built, which takes about six minutes. The part that a service needs is in service.go, what an operator needs is in
// policy.hcl and the files of SQL; all else is the stage.
//
//	cd examples && go run ./vault
//	cd examples && go run ./vault -outage
//	cd examples && go run ./vault -for 1m -ttl 6s -prefer-renew
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

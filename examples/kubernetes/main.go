// Kubernetes is a small service for the manifests of this folder: it answers each request with one query, and takes its
// database login from a file that an agent renders, from Vault itself, or from a mounted Kubernetes secret.
//
//	kubernetes -source file -path /vault/secrets/db.json -sighup -lease-duration 24h
//	kubernetes -source vault -vault-role app -database-role app
//	kubernetes -source dir -path /etc/rekey/db
//
// Where the database is comes from PGHOST, PGDATABASE and the like. Each flag may be given as a variable of the
// environment instead: APP_LEASE_DURATION for -lease-duration.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
)

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends us at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stderr))
}

// run is the program, and returns its exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	opts, err := parseOptions(args, getenv, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	if opts.sighup {
		defer holdHangups()()
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	listener, err := net.Listen("tcp", opts.listen)
	if err == nil {
		log.Info("listening", "address", listener.Addr().String(), "source", opts.source)
		err = serve(ctx, opts, listener, log)
	}
	if err != nil {
		log.Error("stopped", "error", err)
		return exitFailed
	}
	log.Info("stopped")
	return 0
}

// holdHangups keeps SIGHUP from ending the process, until the function that it returns is called. The source asks for the
// signal itself, but only while it is open, and an agent may send one a moment after we have begun.
func holdHangups() (release func()) {
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGHUP)
	return func() { signal.Stop(unread) }
}

package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"github.com/rekeyhq/rekey/managedpool"
)

// serve runs the service until ctx ends, and closes listener. Things end in the opposite order of their making: first the
// requests, then the pool, which gives its login back, then what the login came from.
func serve(ctx context.Context, opts options, listener net.Listener, log *slog.Logger) (err error) {
	defer listener.Close()
	src, login, err := openSource(opts, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, login.Close()) }()

	// Lazy: the server is up at once, and says at /readyz that there is no login yet. A pod that waits for Vault or for
	// the database is better than one that starts again and again.
	pool, err := managedpool.New(ctx, opts.database, src, &managedpool.Options{Lazy: true, Logger: log})
	if err != nil {
		return err
	}
	err = newServer(pool, log).run(ctx, opts, listener)
	return errors.Join(err, within(opts.stop, pool.Shutdown))
}

// within calls f with a context of its own: the program's has ended by now.
func within(limit time.Duration, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return f(ctx)
}

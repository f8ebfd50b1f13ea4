package main

import (
	"context"
	"errors"
	"time"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source/file"
)

// withPool is all that a service does to follow its login: a source for the file that the agent writes, and a
// pool that follows the source. serve uses the pool as it would use a *pgxpool.Pool.
func withPool(ctx context.Context, connString, credentialFile string, opts *managedpool.Options,
	serve func(*managedpool.Pool) error) error {
	src, err := file.Open(credentialFile, nil)
	if err != nil {
		return err
	}
	defer src.Close()

	pool, err := managedpool.New(ctx, connString, src, opts)
	if err != nil {
		return err
	}
	err = serve(pool)

	// Ctrl-C has ended ctx, and an orderly end takes a moment more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, pool.Shutdown(ctx))
}

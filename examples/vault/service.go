package main

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source/vault"
)

// withPool is all that a service does to live on leases: a login at Vault, a source of leases for one role, and a pool
// that follows the source. serve uses the pool as it would use a *pgxpool.Pool.
func withPool(ctx context.Context, connString string, client *api.Client, auth api.AuthMethod, opts *managedpool.Options,
	serve func(*managedpool.Pool) error) (err error) {
	login, err := vault.NewLogin(client, auth, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, login.Close()) }() // after the pool: leases die with their token
	src, err := login.Dynamic("database", "app", nil)
	if err != nil {
		return err
	}
	pool, err := managedpool.New(ctx, connString, src, opts)
	if err != nil {
		return err
	}
	err = serve(pool)

	// Ctrl-C has ended ctx, and giving leases back takes a moment more.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, pool.Shutdown(ctx))
}

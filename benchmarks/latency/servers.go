package main

import (
	"context"
	"errors"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// servers are what the ways need: a database, and where it is private a Vault that makes logins in another.
type servers struct {
	*server.Server
	private *testenv.Postgres
	issuer  *testenv.Issuer
	vault   *testenv.Vault
	engine  *testenv.VaultDatabase
}

// openServers starts the private ones, or connects to the user's.
func openServers(ctx context.Context, dsn string, ways []way) (s *servers, err error) {
	s = &servers{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Server, err = server.Open(ctx, dsn); err != nil {
		return s, err
	}
	for _, w := range ways {
		if w.private {
			return s, s.startVault(ctx)
		}
	}
	return s, nil
}

// startVault starts a Vault and the PostgreSQL that it makes logins in.
func (s *servers) startVault(ctx context.Context) (err error) {
	if s.private, err = testenv.StartPostgres(ctx); err != nil {
		return err
	}
	db, err := s.private.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	if err := db.Set(ctx, "log_statement", "none"); err != nil {
		return err
	}
	if s.issuer, err = testenv.NewIssuer(ctx, db, nil); err != nil {
		return err
	}
	if s.vault, err = testenv.StartVault(ctx); err != nil {
		return err
	}
	s.engine, err = s.vault.MountDatabase(ctx, s.issuer, nil)
	return err
}

// Close stops what was started and drops what was made.
func (s *servers) Close() error {
	var errs []error
	if s.vault != nil {
		errs = append(errs, s.vault.Stop())
	}
	if s.issuer != nil {
		errs = append(errs, s.issuer.Close())
	}
	if s.private != nil {
		errs = append(errs, s.private.Stop())
	}
	if s.Server != nil {
		errs = append(errs, s.Server.Close())
	}
	return errors.Join(errs...)
}

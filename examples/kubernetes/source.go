package main

import (
	"io"
	"log/slog"
	"os"
	"syscall"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/kubernetes"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
	"github.com/rekeyhq/rekey/source/vault"
)

// openSource opens the source that was asked for. What it returns besides is to be closed after the pool.
func openSource(opts options, log *slog.Logger) (source.Source, io.Closer, error) {
	switch opts.source {
	case sourceVault:
		return openVault(opts, log)
	case sourceDir:
		return both(file.OpenDir(opts.path, fileOptions(opts, log)))
	default:
		return both(file.Open(opts.path, fileOptions(opts, log)))
	}
}

// both returns a file's source twice, because it is closed itself.
func both(src *file.Source, err error) (source.Source, io.Closer, error) {
	if err != nil {
		return nil, nil, err
	}
	return src, src, nil
}

func fileOptions(opts options, log *slog.Logger) *file.Options {
	o := &file.Options{LeaseDuration: opts.leaseDuration, Owners: opts.owners, Logger: log}
	if opts.sighup {
		o.Signals = []os.Signal{syscall.SIGHUP}
	}
	return o
}

// openVault takes Vault's address and certificate authority from VAULT_ADDR and VAULT_CACERT. It asks for nothing yet.
func openVault(opts options, log *slog.Logger) (source.Source, io.Closer, error) {
	client, err := api.NewClient(api.DefaultConfig())
	if err != nil {
		return nil, nil, err
	}
	auth := vault.Kubernetes(opts.vaultRole,
		kubernetes.WithMountPath(opts.vaultAuth), kubernetes.WithServiceAccountTokenPath(opts.vaultToken))
	login, err := vault.NewLogin(client, auth, &vault.LoginOptions{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	src, err := login.Dynamic(opts.databaseMount, opts.databaseRole, nil)
	if err != nil {
		return nil, nil, err
	}
	return src, login, nil
}

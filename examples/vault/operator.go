package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"

	"github.com/hashicorp/vault/api"
	"github.com/hashicorp/vault/api/auth/approle"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// operator does what people do once, before there is a service: see docs/vault.md.
type operator struct {
	vault *testenv.Vault
	root  *api.Client
	stage *testenv.Issuer
	opts  options
}

// setUp prepares the database and Vault, and returns how the service logs in.
func (o *operator) setUp(ctx context.Context) (api.AuthMethod, error) {
	password := rand.Text()
	if err := o.stage.Exec(ctx, strings.ReplaceAll(rolesScript, "{{password}}", password)); err != nil {
		return nil, fmt.Errorf("making the roles: %w", err)
	}
	if err := o.mount(ctx, password); err != nil {
		return nil, fmt.Errorf("setting up the database engine: %w", err)
	}
	return o.permit(ctx)
}

// mount mounts the database engine, and makes the role "app" in it.
func (o *operator) mount(ctx context.Context, password string) error {
	if err := o.root.Sys().MountWithContext(ctx, "database", &api.MountInput{Type: "database"}); err != nil {
		return err
	}
	for _, w := range []struct {
		path   string
		fields map[string]any
	}{
		{"database/config/app", map[string]any{
			"plugin_name":             "postgresql-database-plugin",
			"connection_url":          o.connectionURL(),
			"username":                "vault_engine",
			"password":                password,
			"allowed_roles":           "app",
			"password_authentication": "scram-sha-256",
		}},
		{"database/rotate-root/app", nil},
		{"database/roles/app", map[string]any{
			"db_name":               "app",
			"default_ttl":           o.opts.ttl.String(),
			"max_ttl":               o.opts.maxTTL().String(),
			"creation_statements":   createStatements,
			"renew_statements":      renewStatements,
			"revocation_statements": revokeStatements,
		}},
	} {
		if _, err := o.root.Logical().WriteWithContext(ctx, w.path, w.fields); err != nil {
			return err
		}
	}
	return nil
}

// connectionURL has Vault's places for the user and the password.
func (o *operator) connectionURL() string {
	db := o.stage.Database()
	return fmt.Sprintf("postgresql://{{username}}:{{password}}@%s/%s?sslmode=verify-full&sslrootcert=%s",
		db.Server.Addr(), url.PathEscape(db.Name), url.QueryEscape(db.Server.CAFile))
}

// permit makes the way in for the service.
func (o *operator) permit(ctx context.Context) (api.AuthMethod, error) {
	name, err := o.vault.Policy(ctx, policy)
	if err != nil {
		return nil, err
	}
	role, err := o.vault.AppRole(ctx, testenv.VaultTokenOptions{Policies: []string{name}})
	if err != nil {
		return nil, err
	}
	return approle.NewAppRoleAuth(role.RoleID, &approle.SecretID{FromString: role.SecretID}, approle.WithMountPath(role.Mount))
}

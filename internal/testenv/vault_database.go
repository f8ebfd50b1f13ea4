package testenv

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"
)

// vaultNames counts what this process has made in Vault servers, for its names.
var vaultNames atomic.Int64

// vaultName makes a name that nothing else has, neither in a server nor in a cluster.
func vaultName(what string) string { return what + strconv.FormatInt(vaultNames.Add(1), 10) }

// VaultDatabaseOptions changes a mount of the database engine. The zero value is usable.
type VaultDatabaseOptions struct {
	// Port is where Vault reaches PostgreSQL on 127.0.0.1, such as a [Proxy]'s. Defaults to the server's own.
	Port uint16

	// RotationTick is how often the engine looks for static roles that are due, in whole seconds. Defaults to 1 s, for
	// quick tests; Vault's own default is 5 s.
	RotationTick time.Duration
}

// VaultDatabase is a mount of the database engine in a [Vault], with one connection: to the database of an [Issuer],
// by TLS and SCRAM, as a login of its own that may make roles and may grant what the application needs.
type VaultDatabase struct {
	// Mount is where the engine is mounted, without slashes.
	Mount string

	// Engine is the login of Vault in PostgreSQL.
	Engine string

	vault  *Vault
	issuer *Issuer
	group  string // has the application's rights
}

// databaseConnection is the name of the one connection that each mount has.
const databaseConnection = "postgres"

// MountDatabase mounts a database engine for the issuer's database. It may be called more than once for the same
// database. nil opts means the zero value.
func (v *Vault) MountDatabase(ctx context.Context, issuer *Issuer, opts *VaultDatabaseOptions) (*VaultDatabase, error) {
	name := vaultName("database")
	d := &VaultDatabase{Mount: name, Engine: name + "_engine", group: name + "_app", vault: v, issuer: issuer}
	if opts == nil {
		opts = &VaultDatabaseOptions{}
	}
	if err := d.mount(ctx, *opts); err != nil {
		return nil, fmt.Errorf("mounting the database engine at %s: %w", name, err)
	}
	return d, nil
}

func (d *VaultDatabase) mount(ctx context.Context, opts VaultDatabaseOptions) error {
	password := rand.Text()
	verifier, err := scramVerifier(password)
	if err != nil {
		return err
	}
	roles := d.fill(turn+engineRoles+grants, "{verifier}", quoteLiteral(verifier), "{user}", quoteIdent(d.group))
	if err := d.issuer.Exec(ctx, roles); err != nil {
		return err
	}
	err = d.vault.admin.Sys().MountWithContext(ctx, d.Mount, &api.MountInput{
		Type:    "database",
		Options: map[string]string{"rotation_queue_tick_interval": seconds(cmp.Or(opts.RotationTick, time.Second))},
	})
	if err != nil {
		return err
	}
	return d.vault.write(ctx, d.Mount+"/config/"+databaseConnection, map[string]any{
		"plugin_name":             "postgresql-database-plugin",
		"allowed_roles":           "*",
		"connection_url":          d.connectionURL(opts.Port),
		"username":                d.Engine,
		"password":                password,
		"password_authentication": "scram-sha-256", // else passwords are sent to the server, and into its log
	})
}

// engineRoles makes the login of Vault and a group with the application's rights. As a member of the owner the engine
// may also grant those rights one by one, and with the grant option also those on the database.
const engineRoles = `
		CREATE ROLE {group} NOLOGIN;
		CREATE ROLE {engine} LOGIN CREATEROLE PASSWORD {verifier};
		GRANT {owner} TO {engine};
		GRANT {group} TO {engine} WITH ADMIN OPTION;
		GRANT CONNECT {temp} ON DATABASE {database} TO {engine} WITH GRANT OPTION;`

// fill puts this mount's names into sql; more pairs may be given.
func (d *VaultDatabase) fill(sql string, more ...string) string {
	return d.issuer.fill(sql, append(more, "{engine}", quoteIdent(d.Engine), "{group}", quoteIdent(d.group))...)
}

// connectionURL has Vault's places for the user and the password.
func (d *VaultDatabase) connectionURL(port uint16) string {
	server := d.issuer.db.Server
	host := net.JoinHostPort(server.Host, fmt.Sprint(cmp.Or(port, server.Port)))
	query := url.Values{"sslmode": {"verify-full"}, "sslrootcert": {server.CAFile}}
	return "postgresql://{{username}}:{{password}}@" + host + "/" + url.PathEscape(d.issuer.db.Name) + "?" + query.Encode()
}

// Issuer returns the issuer whose schema the logins are for.
func (d *VaultDatabase) Issuer() *Issuer { return d.issuer }

// CredsPath is the path that a dynamic role's logins are read from.
func (d *VaultDatabase) CredsPath(role string) string { return d.Mount + "/creds/" + role }

// StaticCredsPath is the path that a static role's password is read from.
func (d *VaultDatabase) StaticCredsPath(role string) string { return d.Mount + "/static-creds/" + role }

// Rules is a policy for [Vault.Policy] that lets a token read all credentials of the mount, and renew and revoke
// leases.
func (d *VaultDatabase) Rules() string {
	return fmt.Sprintf(`
path "%[1]s/creds/*" { capabilities = ["read"] }
path "%[1]s/static-creds/*" { capabilities = ["read"] }
path "sys/leases/renew" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
`, d.Mount)
}

// Close revokes all leases of the mount and unmounts it. Leases that cannot be revoked, because a test has dropped
// their logins, are forgotten.
func (d *VaultDatabase) Close(ctx context.Context) error {
	err := d.vault.admin.Sys().UnmountWithContext(ctx, d.Mount)
	if err == nil {
		return nil
	}
	if forced := d.vault.admin.Sys().RevokeForceWithContext(ctx, d.Mount); forced != nil {
		return fmt.Errorf("unmounting the database engine at %s: %w", d.Mount, errors.Join(err, forced))
	}
	if err = d.vault.admin.Sys().UnmountWithContext(ctx, d.Mount); err != nil {
		return fmt.Errorf("unmounting the database engine at %s: %w", d.Mount, err)
	}
	return nil
}

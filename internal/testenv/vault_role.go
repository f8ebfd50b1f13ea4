package testenv

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

// VaultRoleOptions changes a dynamic role. The zero value's logins do the application's work.
type VaultRoleOptions struct {
	// TTL is a lease's life and MaxTTL its longest, renewals included, in whole seconds. They default to an hour and a
	// day.
	TTL, MaxTTL time.Duration

	// Direct grants the application's rights to each login, one after the other. By default logins are members of a
	// group that has them.
	Direct bool

	// Creation, Renewal and Revocation are statements for the role instead of the usual ones. {{name}}, {{password}}
	// and {{expiration}} are Vault's.
	Creation, Renewal, Revocation []string
}

// createLogin and the others are a dynamic role's statements. The login's name is Vault's to fill in.
const (
	createLogin = `CREATE ROLE {user} LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';`
	renewLogin  = `ALTER ROLE {user} VALID UNTIL '{{expiration}}'`

	joinGroup  = `GRANT {group} TO {user}`
	leaveGroup = `REVOKE {group} FROM {user};
		DROP ROLE {user}`

	revokeGrants = turn + `
		REVOKE ALL ON ALL TABLES IN SCHEMA app FROM {user};
		REVOKE ALL ON ALL SEQUENCES IN SCHEMA app FROM {user};
		REVOKE ALL ON FUNCTION app.balance_of(int) FROM {user};
		REVOKE ALL ON SCHEMA app FROM {user};
		REVOKE ALL ON DATABASE {database} FROM {user};
		DROP ROLE {user}`
)

// DynamicRole makes a role whose logins are read from CredsPath(role), and returns its name. A login whose lease is
// revoked loses its rights and is dropped; its sessions live on. nil opts means the zero value.
func (d *VaultDatabase) DynamicRole(ctx context.Context, opts *VaultRoleOptions) (role string, err error) {
	o := VaultRoleOptions{}
	if opts != nil {
		o = *opts
	}
	d.setStatements(&o)
	role = vaultName("role")
	return role, d.vault.write(ctx, d.Mount+"/roles/"+role, map[string]any{
		"db_name":               databaseConnection,
		"default_ttl":           seconds(cmp.Or(o.TTL, time.Hour)),
		"max_ttl":               seconds(cmp.Or(o.MaxTTL, max(o.TTL, 24*time.Hour))),
		"creation_statements":   o.Creation,
		"renew_statements":      o.Renewal,
		"revocation_statements": o.Revocation,
	})
}

func (d *VaultDatabase) setStatements(o *VaultRoleOptions) {
	create, revoke := createLogin+joinGroup, leaveGroup
	if o.Direct {
		create, revoke = turn+createLogin+grants, revokeGrants
	}
	for _, s := range []struct {
		statements *[]string
		sql        string
	}{{&o.Creation, create}, {&o.Renewal, renewLogin}, {&o.Revocation, revoke}} {
		if *s.statements == nil {
			*s.statements = []string{d.fill(s.sql, "{user}", `"{{name}}"`)}
		}
	}
}

// VaultStaticRole is a login that stays, and whose password Vault changes.
type VaultStaticRole struct {
	Name string // of the role in Vault
	User string // the login
}

// StaticRole makes a login that can do the application's work, and a static role for it that changes its password in
// every period: whole seconds, at least 5. Vault changes it once before StaticRole returns.
func (d *VaultDatabase) StaticRole(ctx context.Context, period time.Duration) (VaultStaticRole, error) {
	name := vaultName("static")
	role := VaultStaticRole{Name: name, User: d.issuer.opts.Prefix + name}
	if err := d.createStaticLogin(ctx, role.User); err != nil {
		return VaultStaticRole{}, fmt.Errorf("making the login of the static role %s: %w", name, err)
	}
	return role, d.vault.write(ctx, d.Mount+"/static-roles/"+name, map[string]any{
		"db_name":             databaseConnection,
		"username":            role.User,
		"rotation_period":     seconds(period),
		"rotation_statements": []string{`ALTER ROLE "{{name}}" PASSWORD '{{password}}'`},
	})
}

// createStaticLogin makes a login with a password that nobody knows. Since PostgreSQL 16 the engine may change it
// only with the admin option.
func (d *VaultDatabase) createStaticLogin(ctx context.Context, user string) error {
	verifier, err := scramVerifier(rand.Text())
	if err != nil {
		return err
	}
	return d.issuer.Exec(ctx, turn+d.fill(`
		CREATE ROLE {user} LOGIN PASSWORD {verifier};
		GRANT {group} TO {user};
		GRANT {user} TO {engine} WITH ADMIN OPTION`,
		"{user}", quoteIdent(user), "{verifier}", quoteLiteral(verifier)))
}

// Rotate changes a static role's password now.
func (d *VaultDatabase) Rotate(ctx context.Context, role string) error {
	return d.vault.write(ctx, d.Mount+"/rotate-role/"+role, nil)
}

// seconds is a duration as Vault takes it: in whole seconds, rounded up, so that none becomes "the default".
func seconds(d time.Duration) string {
	return fmt.Sprint(int64((d + time.Second - 1) / time.Second))
}

package testenv

import (
	"cmp"
	"context"
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

// seconds is a duration as Vault takes it: in whole seconds, rounded up, so that none becomes "the default".
func seconds(d time.Duration) string {
	return fmt.Sprint(int64((d + time.Second - 1) / time.Second))
}

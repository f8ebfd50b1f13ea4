package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"
)

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

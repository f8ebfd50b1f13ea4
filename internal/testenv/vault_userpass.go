package testenv

import (
	"context"
	"crypto/rand"
	"log/slog"
)

// VaultUser is a way to log in: at auth/Mount/login/Name, with the password.
type VaultUser struct {
	Mount    string
	Name     string
	Password string
}

// String returns the user's place only: logins get printed by failing tests.
func (u VaultUser) String() string { return u.Mount + "/" + u.Name }

// GoString returns the user's place only.
func (u VaultUser) GoString() string { return u.String() }

// LogValue returns the user's place only.
func (u VaultUser) LogValue() slog.Value { return slog.StringValue(u.String()) }

// Userpass mounts the auth method userpass at a path of its own and makes a user there.
func (v *Vault) Userpass(ctx context.Context, tokens VaultTokenOptions) (VaultUser, error) {
	u := VaultUser{Mount: vaultName("userpass"), Name: "app", Password: rand.Text()}
	if err := v.enableAuth(ctx, u.Mount, "userpass"); err != nil {
		return VaultUser{}, err
	}
	fields := tokens.fields()
	fields["password"] = u.Password
	return u, v.write(ctx, "auth/"+u.Mount+"/users/"+u.Name, fields)
}

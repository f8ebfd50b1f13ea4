package testenv

import (
	"context"
	"fmt"
	"log/slog"
)

// VaultAppRole is a way to log in: at auth/Mount/login, with the two IDs.
type VaultAppRole struct {
	Mount    string
	Role     string
	RoleID   string
	SecretID string
}

// String returns the role's place only: logins get printed by failing tests.
func (a VaultAppRole) String() string { return a.Mount + "/" + a.Role }

// GoString returns the role's place only.
func (a VaultAppRole) GoString() string { return a.String() }

// LogValue returns the role's place only.
func (a VaultAppRole) LogValue() slog.Value { return slog.StringValue(a.String()) }

// AppRole mounts the auth method approle at a path of its own and makes a role there.
func (v *Vault) AppRole(ctx context.Context, tokens VaultTokenOptions) (VaultAppRole, error) {
	name := vaultName("approle")
	a := VaultAppRole{Mount: name, Role: "app"}
	path := "auth/" + name + "/role/app"
	if err := v.enableAuth(ctx, name, "approle"); err != nil {
		return VaultAppRole{}, err
	}
	if err := v.write(ctx, path, tokens.fields()); err != nil {
		return VaultAppRole{}, err
	}
	roleID, err := v.admin.Logical().ReadWithContext(ctx, path+"/role-id")
	if err != nil {
		return VaultAppRole{}, err
	}
	secretID, err := v.admin.Logical().WriteWithContext(ctx, path+"/secret-id", nil)
	if err != nil {
		return VaultAppRole{}, err
	}
	a.RoleID, a.SecretID = field(roleID, "role_id"), field(secretID, "secret_id")
	if a.RoleID == "" || a.SecretID == "" {
		return VaultAppRole{}, fmt.Errorf("Vault gave no IDs for %s", path)
	}
	return a, nil
}

package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// VaultTokenOptions says what the tokens of a login are like. The zero value's live for Vault's default, 32 days, and
// may do next to nothing.
type VaultTokenOptions struct {
	// TTL is a token's life and MaxTTL its longest, renewals included, in whole seconds. They default to 0: Vault's.
	TTL, MaxTTL time.Duration

	// Period lets a token be renewed for ever, by that much each time. Defaults to 0: it cannot.
	Period time.Duration

	// Uses is how many requests a token is good for. Defaults to 0: any number.
	Uses int

	// Policies name what it may do: see [Vault.Policy].
	Policies []string
}

func (o VaultTokenOptions) fields() map[string]any {
	return map[string]any{
		"token_ttl":      seconds(o.TTL),
		"token_max_ttl":  seconds(o.MaxTTL),
		"token_period":   seconds(o.Period),
		"token_num_uses": o.Uses,
		"token_policies": o.Policies,
	}
}

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

func (v *Vault) enableAuth(ctx context.Context, mount, method string) error {
	err := v.admin.Sys().EnableAuthWithOptionsWithContext(ctx, mount, &api.EnableAuthOptions{Type: method})
	if err != nil {
		return fmt.Errorf("enabling %s at auth/%s: %w", method, mount, err)
	}
	return nil
}

// Policy makes a policy of the given rules, in HCL, and returns its name.
func (v *Vault) Policy(ctx context.Context, rules string) (name string, err error) {
	name = vaultName("policy")
	if err := v.admin.Sys().PutPolicyWithContext(ctx, name, rules); err != nil {
		return "", fmt.Errorf("making the policy %s: %w", name, err)
	}
	return name, nil
}

// MountKV mounts a key-value engine of version 1 or 2, and returns where. It can be used at once.
func (v *Vault) MountKV(ctx context.Context, version int) (mount string, err error) {
	mount = vaultName("kv")
	err = v.admin.Sys().MountWithContext(ctx, mount, &api.MountInput{
		Type:    "kv",
		Options: map[string]string{"version": fmt.Sprint(version)},
	})
	if err == nil && version == 2 {
		err = v.awaitVersions(ctx, mount)
	}
	if err != nil {
		return "", fmt.Errorf("mounting kv version %d at %s: %w", version, mount, err)
	}
	return mount, nil
}

// awaitVersions waits for a new mount of version 2: it says that it is upgrading for a moment.
func (v *Vault) awaitVersions(ctx context.Context, mount string) error {
	return poll(ctx, func() (bool, error) {
		_, err := v.admin.Logical().ReadWithContext(ctx, mount+"/config")
		if err != nil && strings.Contains(strings.ToLower(err.Error()), "upgrad") {
			return false, nil
		}
		return err == nil, err
	})
}

// write writes as root.
func (v *Vault) write(ctx context.Context, path string, fields map[string]any) error {
	if _, err := v.admin.Logical().WriteWithContext(ctx, path, fields); err != nil {
		return fmt.Errorf("writing %s in Vault: %w", path, err)
	}
	return nil
}

func field(secret *api.Secret, name string) string {
	if secret == nil {
		return ""
	}
	text, _ := secret.Data[name].(string)
	return text
}

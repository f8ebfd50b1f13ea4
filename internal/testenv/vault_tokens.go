package testenv

import (
	"context"
	"fmt"
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

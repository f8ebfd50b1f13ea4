package testenv

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"
)

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

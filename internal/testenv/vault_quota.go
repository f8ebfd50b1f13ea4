package testenv

import (
	"context"
	"time"
)

// Limit lets the engine at mount take no more than so many requests in an interval from one address. To more it answers
// 429, and when to come again.
func (v *Vault) Limit(ctx context.Context, mount string, requests int, interval time.Duration) error {
	err := v.write(ctx, "sys/quotas/config", map[string]any{"enable_rate_limit_response_headers": true})
	if err != nil {
		return err
	}
	return v.write(ctx, "sys/quotas/rate-limit/"+vaultName("quota"), map[string]any{
		"path": mount, "rate": requests, "interval": seconds(interval),
	})
}

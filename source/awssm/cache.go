package awssm

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

// cache is AWS's own, for one secret. It is used by whoever has the Source's turn only.
type cache struct {
	inner  *secretcache.Cache
	ttl    time.Duration
	client *watchedClient
	value  *secretsmanager.GetSecretValueOutput // that the cache has answered with
}

// newCache makes one that asks again after three quarters of ttl at the latest.
func newCache(client *watchedClient, ttl time.Duration) (*cache, error) {
	c := &cache{client: client, ttl: ttl}
	var err error
	c.inner, err = secretcache.New(func(inner *secretcache.Cache) {
		inner.Client = client
		inner.MaxCacheSize = 1
		inner.CacheItemTTL = int64(shortest(ttl))
		inner.Hook = hook{c}
	})
	client.err = nil
	return c, err
}

// shortest is the earliest time of the next look at a secret.
func shortest(ttl time.Duration) time.Duration { return ttl * 3 / 4 }

// read returns the current version. What the cache serves although the service has failed is an error here.
func (c *cache) read(ctx context.Context, id string) (*secretsmanager.GetSecretValueOutput, error) {
	c.value = nil
	_, err := c.inner.GetSecretStringWithContext(ctx, id) // which fails for a binary secret, of which the hook has the bytes
	switch {
	case c.client.err != nil:
		return nil, &callError{"DescribeSecret", c.client.err}
	case c.value != nil:
		return c.value, nil
	default:
		return nil, &callError{"GetSecretValue", err}
	}
}

// hook sees what the cache answers with: versions by their ids, which the cache does not tell.
type hook struct{ cache *cache }

func (hook) Put(data any) any { return data }

func (h hook) Get(data any) any {
	if value, ok := data.(*secretsmanager.GetSecretValueOutput); ok {
		h.cache.value = value
	}
	return data
}

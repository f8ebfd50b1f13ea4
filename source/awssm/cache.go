package awssm

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

// cache is AWS's own, for one secret. It is used by whoever has the Source's turn only.
type cache struct {
	inner  *secretcache.Cache
	ttl    time.Duration
	client *watchedClient
	value  *value // that the cache has answered with
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
	client.forget()
	return c, err
}

// shortest is the earliest time of the next look at a secret.
func shortest(ttl time.Duration) time.Duration { return ttl / 4 * 3 }

// read returns the current version. What the cache serves although the service has failed is an error here.
func (c *cache) read(ctx context.Context, id string) (*value, error) {
	c.value = nil
	_, err := c.inner.GetSecretStringWithContext(ctx, id) // which fails for a binary secret, of which the hook has the bytes
	last := c.client.lastLook()
	switch {
	case last.err != nil:
		return nil, &callError{"DescribeSecret", last.err}
	case c.value != nil:
		return c.value, nil
	default:
		return nil, &callError{"GetSecretValue", err}
	}
}

// outdated reports whether an answer past the cache, to a question that was asked then, makes the cache's memory useless: it
// has another version, or the memory of a failure.
func (c *cache) outdated(direct *value, asked time.Time) bool {
	last := c.client.lastLook()
	switch {
	case direct == nil:
		return false
	case last.err != nil:
		return !asked.Before(last.errAt)
	default:
		return !asked.Before(last.at) && (c.value == nil || aws.ToString(c.value.VersionId) != aws.ToString(direct.VersionId))
	}
}

// hook sees what the cache answers with: versions by their ids, which the cache does not tell.
type hook struct{ cache *cache }

func (hook) Put(data any) any { return data }

func (h hook) Get(data any) any {
	if v, ok := data.(*value); ok {
		h.cache.value = v
	}
	return data
}

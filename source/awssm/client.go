package awssm

import (
	"context"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-secretsmanager-caching-go/v2/secretcache"
)

// Client is what a [Source] asks: *secretsmanager.Client, or something around it.
type Client interface {
	DescribeSecret(context.Context, *secretsmanager.DescribeSecretInput, ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error)
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// Calls counts what was asked of Secrets Manager, without the repetitions of the AWS client itself.
type Calls struct {
	DescribeSecret int64
	GetSecretValue int64
}

// watchedClient is the cache's client. It sees what the cache does not tell: when the cache asks, and what goes wrong. But
// for the counters it is used by whoever has the Source's turn only.
type watchedClient struct {
	// nil: the cache wants a client that can do everything, and asks for no more than the two calls below.
	secretcache.SecretsManagerAPIClient

	inner Client

	describes, reads atomic.Int64

	err      error // of the last call of DescribeSecret
	schedule schedule
}

func (w *watchedClient) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput, opts ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	w.describes.Add(1)
	out, err := w.inner.DescribeSecret(ctx, in, opts...)
	if w.err = err; err == nil {
		w.schedule = scheduleOf(out)
	}
	return out, err
}

func (w *watchedClient) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, opts ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	w.reads.Add(1)
	return w.inner.GetSecretValue(ctx, in, opts...)
}

func (w *watchedClient) calls() Calls {
	return Calls{DescribeSecret: w.describes.Load(), GetSecretValue: w.reads.Load()}
}

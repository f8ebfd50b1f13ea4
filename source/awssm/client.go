package awssm

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

// watchedClient is the cache's client. It sees what the cache does not tell: when the cache looks at the secret, and what goes
// wrong. It gives no call more time than callTimeout, and asks once more where there was no answer by then. It is safe
// for concurrent use.
type watchedClient struct {
	// nil: the cache wants a client that can do everything, and asks for no more than the two calls below.
	secretcache.SecretsManagerAPIClient

	inner Client

	describes, reads atomic.Int64

	mu   sync.Mutex // guards last
	last look
}

// look is what the last call of DescribeSecret has brought.
type look struct {
	at       time.Time // when the last one that succeeded was made
	err      error     // of the last one
	errAt    time.Time
	schedule schedule
}

const (
	// callTimeout bounds each call, the AWS client's own repetitions included. Answers take milliseconds.
	callTimeout = 4 * time.Second
	// callAttempts is how often a call is made that is not answered in time.
	callAttempts = 2
)

// insist makes a call, and makes it again if it is not answered in time.
func insist[T any](ctx context.Context, counter *atomic.Int64, call func(context.Context) (*T, error)) (out *T, err error) {
	for range callAttempts {
		counter.Add(1)
		limited, cancel := context.WithTimeout(ctx, callTimeout)
		out, err = call(limited)
		late := limited.Err() != nil
		cancel()
		if err == nil && out == nil {
			err = problem("there was no answer and no error")
		}
		if err == nil || !late || ctx.Err() != nil {
			return out, err
		}
	}
	return nil, said{fmt.Sprintf("no answer within %v, asked %d times", callTimeout, callAttempts), err}
}

func (w *watchedClient) DescribeSecret(ctx context.Context, in *secretsmanager.DescribeSecretInput, opts ...func(*secretsmanager.Options)) (*secretsmanager.DescribeSecretOutput, error) {
	asked := time.Now()
	out, err := insist(ctx, &w.describes, func(ctx context.Context) (*secretsmanager.DescribeSecretOutput, error) {
		return w.inner.DescribeSecret(ctx, in, opts...)
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last.err = err; err != nil {
		w.last.errAt = asked
		return nil, err
	}
	w.last.at, w.last.schedule = asked, scheduleOf(out)
	return out, nil
}

func (w *watchedClient) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, opts ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return insist(ctx, &w.reads, func(ctx context.Context) (*secretsmanager.GetSecretValueOutput, error) {
		return w.inner.GetSecretValue(ctx, in, opts...)
	})
}

func (w *watchedClient) calls() Calls {
	return Calls{DescribeSecret: w.describes.Load(), GetSecretValue: w.reads.Load()}
}

func (w *watchedClient) lastLook() look {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// forget drops what went wrong, for a cache that knows nothing of it.
func (w *watchedClient) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last.err = nil
}

package awssm

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Source is one secret. It implements source.Source and source.Alternates, has no goroutine, need not be closed, and is safe for
// concurrent use: any number of pools may share it.
type Source struct {
	id     string
	opts   Options
	client *watchedClient

	turn chan struct{} // whoever has it uses what follows, and client's state

	cache  *cache
	direct direct
	first  time.Duration // the ttl of the first look, at random, so that a fleet started together spreads; 0 afterwards
}

// direct is the last answer that was asked for past the cache.
type direct struct {
	value *secretsmanager.GetSecretValueOutput
	at    time.Time
}

// The service's names for the versions of a secret.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

// directInterval is how long an answer that was asked for past the cache is good for whoever wants another.
const directInterval = time.Second

// New returns a source of the secret with the given name or ARN. Nothing is asked yet. A nil opts means the defaults.
func New(client Client, id string, opts *Options) (*Source, error) {
	if client == nil {
		return nil, errors.New("awssm: client is nil: make one with secretsmanager.NewFromConfig")
	}
	if id == "" {
		return nil, errors.New("awssm: the secret's id is empty: give its name or its ARN")
	}
	s := &Source{id: id, client: &watchedClient{inner: client}, turn: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	if err := s.opts.complete(); err != nil {
		return nil, err
	}
	s.first = minTTL + rand.N(s.opts.TTL)
	return s, nil
}

// Calls tells how often Secrets Manager was asked.
func (s *Source) Calls() Calls { return s.client.calls() }

// CallsPerHour is how many calls an hour a pool causes when nothing happens, and in an hour in which a rotation is
// expected: see Options.TTL and RotationTTL. Each new version costs one more, each refused login one or two.
func (s *Source) CallsPerHour() (quiet, rotating float64) {
	perHour := func(ttl time.Duration) float64 { return float64(time.Hour) / float64((ttl+shortest(ttl))/2) }
	return perHour(s.opts.TTL), perHour(s.opts.RotationTTL)
}

// Fetch implements source.Source: it returns AWSCURRENT, with the service's version id as its Version, and says in
// RefreshAfter when to look again. While that time has not come it answers from the cache. Where the call is forced
// (see source.Forced) the service is asked itself, at most once a second.
func (s *Source) Fetch(ctx context.Context) (source.Credential, error) {
	if err := s.enter(ctx); err != nil {
		return source.Credential{}, err
	}
	defer s.leave()
	read := s.readCached
	if source.Forced(ctx) {
		read = s.readDirectly
	}
	value, err := read(ctx)
	if err != nil {
		return source.Credential{}, s.failure("GetSecretValue", err)
	}
	c, err := s.credential(value, s.ttl(time.Now()))
	s.first = 0
	return c, err
}

// Alternates implements source.Alternates: it returns AWSPENDING, and AWSPREVIOUS if asked for, as far as they are there, may
// be read, and differ from c. The service itself is asked for each.
func (s *Source) Alternates(ctx context.Context, c source.Credential) ([]source.Credential, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	defer s.leave()
	var (
		found []source.Credential
		errs  []error
	)
	for _, stage := range s.opts.stages() {
		other, err := s.alternate(ctx, stage)
		switch {
		case lacking(err):
		case err != nil:
			errs = append(errs, err)
		case other.Version != c.Version:
			found = append(found, other)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	return nil, errors.Join(errs...)
}

func (o Options) stages() (stages []string) {
	if !o.NoPending {
		stages = append(stages, pending)
	}
	if o.Previous {
		stages = append(stages, previous)
	}
	return stages
}

// alternate reads the version that has a stage. It is soon looked at again, because it is not to stay.
func (s *Source) alternate(ctx context.Context, stage string) (source.Credential, error) {
	value, err := s.get(ctx, stage)
	if err != nil {
		return source.Credential{}, s.failure("GetSecretValue", err)
	}
	return s.credential(value, s.opts.RotationTTL)
}

// enter waits for the turn, until ctx ends.
func (s *Source) enter(ctx context.Context) error {
	if ctx.Err() == nil {
		select {
		case s.turn <- struct{}{}:
			return nil
		case <-ctx.Done():
		}
	}
	return s.failure("GetSecretValue", context.Cause(ctx))
}

func (s *Source) leave() { <-s.turn }

// readCached reads AWSCURRENT through the cache.
func (s *Source) readCached(ctx context.Context) (*secretsmanager.GetSecretValueOutput, error) {
	ttl := s.ttl(time.Now())
	if s.cache == nil || s.cache.ttl != ttl {
		next, err := newCache(s.client, ttl)
		if err != nil {
			return nil, err
		}
		s.cache = next
	}
	value, err := s.cache.read(ctx, s.id)
	if err != nil && ctx.Err() != nil {
		s.cache = nil // it would tell the next reader for a while that this one was cut off
	}
	return value, err
}

// readDirectly asks for AWSCURRENT past the cache, and throws that away if it knows less.
func (s *Source) readDirectly(ctx context.Context) (*secretsmanager.GetSecretValueOutput, error) {
	if s.direct.value != nil && time.Since(s.direct.at) < directInterval {
		return s.direct.value, nil
	}
	asked := time.Now()
	value, err := s.get(ctx, current)
	if err != nil {
		return nil, err
	}
	s.direct = direct{value, asked}
	if s.cache != nil && (s.cache.value == nil || aws.ToString(s.cache.value.VersionId) != aws.ToString(value.VersionId)) {
		s.cache = nil
	}
	return value, nil
}

func (s *Source) get(ctx context.Context, stage string) (*secretsmanager.GetSecretValueOutput, error) {
	return s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.id, VersionStage: &stage})
}

// ttl is the one that counts at a time.
func (s *Source) ttl(now time.Time) time.Duration {
	switch {
	case s.client.schedule.near(now):
		return s.opts.RotationTTL
	case s.first > 0:
		return min(s.first, s.opts.TTL)
	default:
		return s.opts.TTL
	}
}

// credential makes one of a version that is to be looked at again when ttl is over, or up to a quarter of it earlier, so
// that a fleet spreads.
func (s *Source) credential(value *secretsmanager.GetSecretValueOutput, ttl time.Duration) (source.Credential, error) {
	c, err := s.parse(value)
	if err != nil {
		return source.Credential{}, source.Permanent(&Error{Op: "GetSecretValue", Secret: s.id, Err: err})
	}
	c.Version = aws.ToString(value.VersionId)
	if c.RefreshAfter.IsZero() {
		now := time.Now().Round(0)
		next := now.Add(shortest(ttl) + rand.N(ttl-shortest(ttl)))
		c.RefreshAfter = s.client.schedule.notPast(next, now)
	}
	return c, nil
}

func (s *Source) parse(value *secretsmanager.GetSecretValueOutput) (source.Credential, error) {
	text := value.SecretBinary
	if value.SecretString != nil {
		text = []byte(*value.SecretString)
	}
	if aws.ToString(value.VersionId) == "" {
		return source.Credential{}, problem("the answer has no version id")
	}
	c, err := s.opts.Parse(text)
	if err != nil {
		return source.Credential{}, err
	}
	return c, fields.Check(c)
}

var _ interface {
	source.Source
	source.Alternates
} = (*Source)(nil)

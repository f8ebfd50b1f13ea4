package awssm

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Source is one secret. It implements source.Source and source.Alternates, need not be closed, and is safe for concurrent use:
// any number of pools may share it. It has a goroutine while a call past the cache is under way, which ends by itself.
type Source struct {
	id     string
	opts   Options
	client *watchedClient
	stages map[string]*directReader // of each stage that may be asked for past the cache

	turn  chan struct{} // whoever has it uses cache
	cache *cache

	mu     sync.Mutex // guards what follows
	direct direct
	spread time.Duration // of the first look, at random, so that a fleet started together spreads; 0 afterwards
	doubt  doubt
}

// direct is the last answer for AWSCURRENT that was asked for past the cache.
type direct struct {
	value *value
	asked time.Time
}

// doubt is a version that was refused as AWSCURRENT: as long as it is AWSCURRENT it is looked at as often as near a rotation,
// for a while.
type doubt struct {
	version string
	until   time.Time
}

// The service's names for the versions of a secret.
const (
	current  = "AWSCURRENT"
	pending  = "AWSPENDING"
	previous = "AWSPREVIOUS"
)

// New returns a source of the secret with the given name or ARN. Nothing is asked yet. A nil opts means the defaults.
func New(client Client, id string, opts *Options) (*Source, error) {
	if client == nil {
		return nil, errors.New("awssm: client is nil: make one with secretsmanager.NewFromConfig")
	}
	if id == "" {
		return nil, errors.New("awssm: the secret's id is empty: give its name or its ARN")
	}
	s := &Source{id: id, client: &watchedClient{inner: client}, stages: map[string]*directReader{}, turn: make(chan struct{}, 1)}
	if opts != nil {
		s.opts = *opts
	}
	if err := s.opts.complete(); err != nil {
		return nil, err
	}
	for _, stage := range []string{current, pending, previous} {
		s.stages[stage] = newDirectReader(func(ctx context.Context) (*value, error) { return s.ask(ctx, stage) })
	}
	s.spread = min(minTTL+rand.N(s.opts.TTL), s.opts.TTL)
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
// RefreshAfter when to look again. Between three eighths and three quarters of TTL after the last look, at random, it
// answers from the cache. Where the call is forced (see source.Forced) the service is asked itself, by a call that begins after
// this one has; such calls are shared, and there is one a second, and three at once.
func (s *Source) Fetch(ctx context.Context) (source.Credential, error) {
	if source.Forced(ctx) {
		return s.fetchDirectly(ctx)
	}
	v, looked, err := s.readCached(ctx)
	if err != nil {
		return source.Credential{}, s.failure("GetSecretValue", err)
	}
	c, err := s.credential(v, looked, s.ttl(time.Now()))
	s.started()
	return c, err
}

// fetchDirectly asks for AWSCURRENT past the cache.
func (s *Source) fetchDirectly(ctx context.Context) (source.Credential, error) {
	v, err := s.stages[current].get(ctx)
	if err != nil {
		return source.Credential{}, s.failure("GetSecretValue", err)
	}
	now := time.Now()
	return s.credential(v, now, s.ttl(now))
}

// Alternates implements source.Alternates: it returns AWSPENDING, and AWSPREVIOUS if asked for, as far as they are there, may
// be read, and differ from c. The service itself is asked for each. What cannot be used is told only if nothing else is found.
func (s *Source) Alternates(ctx context.Context, c source.Credential) ([]source.Credential, error) {
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
	if len(found) == 0 {
		return nil, errors.Join(errs...)
	}
	s.doubtful(c.Version)
	return found, nil
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
	v, err := s.stages[stage].get(ctx)
	if err != nil {
		return source.Credential{}, s.failure("GetSecretValue", err)
	}
	return s.credential(v, time.Now(), s.opts.RotationTTL)
}

// doubtful notes that version was refused.
func (s *Source) doubtful(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doubt = doubt{version, time.Now().Add(overdue)}
}

// ask is a call past the cache.
func (s *Source) ask(ctx context.Context, stage string) (*value, error) {
	asked := time.Now()
	v, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.id, VersionStage: &stage})
	if err == nil && stage == current {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.direct = direct{v, asked}
	}
	return v, err
}

// readCached reads AWSCURRENT through the cache, and tells when the cache has looked at the secret.
func (s *Source) readCached(ctx context.Context) (*value, time.Time, error) {
	if ctx.Err() != nil {
		return nil, time.Time{}, ended(ctx)
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, time.Time{}, ended(ctx)
	}
	if err := s.prepareCache(); err != nil {
		return nil, time.Time{}, err
	}
	v, err := s.cache.read(ctx, s.id)
	if err != nil && ctx.Err() != nil {
		s.cache = nil // it would tell the next reader for a while that this one was cut off
	}
	return v, s.client.lastLook().at, err
}

// prepareCache makes a cache where there is none that fits the time, and knows what was learnt past it. The caller has the turn.
func (s *Source) prepareCache() error {
	ttl := s.ttl(time.Now())
	s.mu.Lock()
	direct := s.direct
	s.mu.Unlock()
	if s.cache != nil && s.cache.ttl == ttl && !s.cache.outdated(direct.value, direct.asked) {
		return nil
	}
	next, err := newCache(s.client, ttl)
	if err == nil {
		s.cache = next
	}
	return err
}

// ttl is the one that counts at a time.
func (s *Source) ttl(now time.Time) time.Duration {
	if s.client.lastLook().schedule.near(now) {
		return s.opts.RotationTTL
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case now.Before(s.doubt.until):
		return s.opts.RotationTTL
	case s.spread > 0:
		return s.spread
	default:
		return s.opts.TTL
	}
}

// started ends the time of the first look.
func (s *Source) started() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spread = 0
}

// credential makes one of a version that was looked at then, and is to be looked at again when ttl is over, or up to a quarter
// of it earlier, so that a fleet spreads.
func (s *Source) credential(v *value, looked time.Time, ttl time.Duration) (source.Credential, error) {
	c, err := s.parse(v)
	if err != nil {
		return source.Credential{}, source.Permanent(&Error{Op: "GetSecretValue", Secret: s.id, Err: err})
	}
	c.Version = aws.ToString(v.VersionId)
	s.settle(c.Version)
	if c.RefreshAfter.IsZero() {
		c.RefreshAfter = s.nextLook(looked, ttl)
	}
	return c, nil
}

// nextLook is not before a cache that looked then has forgotten what it saw, and not at once.
func (s *Source) nextLook(looked time.Time, ttl time.Duration) time.Time {
	now := time.Now()
	next := looked.Add(shortest(ttl) + rand.N(ttl-shortest(ttl)))
	if soonest := now.Add(minTTL / 4); next.Before(soonest) {
		next = soonest
	}
	return s.client.lastLook().schedule.notPast(next, now, s.opts.RotationTTL).Round(0)
}

// settle ends the doubt when another version is AWSCURRENT.
func (s *Source) settle(version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.direct.value != nil && aws.ToString(s.direct.value.VersionId) == version && version != s.doubt.version {
		s.doubt = doubt{}
	}
}

func (s *Source) parse(v *value) (source.Credential, error) {
	text := v.SecretBinary
	if v.SecretString != nil {
		text = []byte(*v.SecretString)
	}
	if aws.ToString(v.VersionId) == "" {
		return source.Credential{}, problem("the answer has no version id")
	}
	c, err := s.opts.Parse(text)
	if err != nil {
		return source.Credential{}, unquoted(err, string(text))
	}
	return c, fields.Check(c)
}

var _ interface {
	source.Source
	source.Alternates
} = (*Source)(nil)

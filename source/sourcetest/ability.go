package sourcetest

import (
	"context"

	"github.com/rekeyhq/rekey/source"
)

// Ability is an optional ability of a [Fake]'s Source.
type Ability int

// The abilities, each named after what the source then does.
const (
	Renews          Ability = 1 << iota // source.Renewer
	Notifies                            // source.Notifier
	NamesAlternates                     // source.Alternates
	Retires                             // source.Retirer
	Closes                              // io.Closer
)

// Each of these is one ability of a fake source.
type (
	fetcher    struct{ f *Fake }
	renewer    struct{ f *Fake }
	notifier   struct{ f *Fake }
	alternator struct{ f *Fake }
	retirer    struct{ f *Fake }
	closer     struct{ f *Fake }
)

func (a fetcher) Fetch(ctx context.Context) (source.Credential, error) { return a.f.fetch(ctx) }

func (a renewer) Renew(ctx context.Context, c source.Credential) (source.Credential, error) {
	return a.f.renew(ctx, c)
}

func (a notifier) Changed() <-chan struct{} { return a.f.changes() }

func (a alternator) Alternates(ctx context.Context, c source.Credential) ([]source.Credential, error) {
	return a.f.alternates(ctx, c)
}

func (a retirer) Retire(ctx context.Context, c source.Credential) error { return a.f.retire(ctx, c) }

func (a closer) Close() error { return a.f.close() }

// withAbilities returns a Source with exactly those abilities.
func withAbilities(fake *Fake, abilities Ability) source.Source {
	var a source.Abilities
	if abilities&Renews != 0 {
		a.Renewer = renewer{fake}
	}
	if abilities&Notifies != 0 {
		a.Notifier = notifier{fake}
	}
	if abilities&NamesAlternates != 0 {
		a.Alternates = alternator{fake}
	}
	if abilities&Retires != 0 {
		a.Retirer = retirer{fake}
	}
	if abilities&Closes != 0 {
		a.Closer = closer{fake}
	}
	return source.Compose(fetcher{fake}, a)
}

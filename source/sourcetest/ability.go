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

// Each of these gives a fetcher one more ability.
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

// withAbilities returns a Source with exactly those abilities. A type per combination, because an ability is
// found by type assertion.
func withAbilities(fake *Fake, abilities Ability) source.Source {
	var (
		s = fetcher{fake}
		r = renewer{fake}
		n = notifier{fake}
		a = alternator{fake}
		t = retirer{fake}
		c = closer{fake}
	)
	switch abilities {
	case Renews:
		return struct {
			fetcher
			renewer
		}{s, r}
	case Notifies:
		return struct {
			fetcher
			notifier
		}{s, n}
	case Renews | Notifies:
		return struct {
			fetcher
			renewer
			notifier
		}{s, r, n}
	case NamesAlternates:
		return struct {
			fetcher
			alternator
		}{s, a}
	case Renews | NamesAlternates:
		return struct {
			fetcher
			renewer
			alternator
		}{s, r, a}
	case Notifies | NamesAlternates:
		return struct {
			fetcher
			notifier
			alternator
		}{s, n, a}
	case Renews | Notifies | NamesAlternates:
		return struct {
			fetcher
			renewer
			notifier
			alternator
		}{s, r, n, a}
	case Retires:
		return struct {
			fetcher
			retirer
		}{s, t}
	case Renews | Retires:
		return struct {
			fetcher
			renewer
			retirer
		}{s, r, t}
	case Notifies | Retires:
		return struct {
			fetcher
			notifier
			retirer
		}{s, n, t}
	case Renews | Notifies | Retires:
		return struct {
			fetcher
			renewer
			notifier
			retirer
		}{s, r, n, t}
	case NamesAlternates | Retires:
		return struct {
			fetcher
			alternator
			retirer
		}{s, a, t}
	case Renews | NamesAlternates | Retires:
		return struct {
			fetcher
			renewer
			alternator
			retirer
		}{s, r, a, t}
	case Notifies | NamesAlternates | Retires:
		return struct {
			fetcher
			notifier
			alternator
			retirer
		}{s, n, a, t}
	case Renews | Notifies | NamesAlternates | Retires:
		return struct {
			fetcher
			renewer
			notifier
			alternator
			retirer
		}{s, r, n, a, t}
	case Closes:
		return struct {
			fetcher
			closer
		}{s, c}
	case Renews | Closes:
		return struct {
			fetcher
			renewer
			closer
		}{s, r, c}
	case Notifies | Closes:
		return struct {
			fetcher
			notifier
			closer
		}{s, n, c}
	case Renews | Notifies | Closes:
		return struct {
			fetcher
			renewer
			notifier
			closer
		}{s, r, n, c}
	case NamesAlternates | Closes:
		return struct {
			fetcher
			alternator
			closer
		}{s, a, c}
	case Renews | NamesAlternates | Closes:
		return struct {
			fetcher
			renewer
			alternator
			closer
		}{s, r, a, c}
	case Notifies | NamesAlternates | Closes:
		return struct {
			fetcher
			notifier
			alternator
			closer
		}{s, n, a, c}
	case Renews | Notifies | NamesAlternates | Closes:
		return struct {
			fetcher
			renewer
			notifier
			alternator
			closer
		}{s, r, n, a, c}
	case Retires | Closes:
		return struct {
			fetcher
			retirer
			closer
		}{s, t, c}
	case Renews | Retires | Closes:
		return struct {
			fetcher
			renewer
			retirer
			closer
		}{s, r, t, c}
	case Notifies | Retires | Closes:
		return struct {
			fetcher
			notifier
			retirer
			closer
		}{s, n, t, c}
	case Renews | Notifies | Retires | Closes:
		return struct {
			fetcher
			renewer
			notifier
			retirer
			closer
		}{s, r, n, t, c}
	case NamesAlternates | Retires | Closes:
		return struct {
			fetcher
			alternator
			retirer
			closer
		}{s, a, t, c}
	case Renews | NamesAlternates | Retires | Closes:
		return struct {
			fetcher
			renewer
			alternator
			retirer
			closer
		}{s, r, a, t, c}
	case Notifies | NamesAlternates | Retires | Closes:
		return struct {
			fetcher
			notifier
			alternator
			retirer
			closer
		}{s, n, a, t, c}
	case Renews | Notifies | NamesAlternates | Retires | Closes:
		return struct {
			fetcher
			renewer
			notifier
			alternator
			retirer
			closer
		}{s, r, n, a, t, c}
	}
	return s
}

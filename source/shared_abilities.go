package source

import (
	"context"
	"io"
)

// The abilities that a Source may have, as bits.
const (
	renews = 1 << iota
	notifies
	alternates
	retires
	closes
)

// abilitiesOf returns the abilities of src.
func abilitiesOf(src Source) (mask int) {
	if _, ok := src.(Renewer); ok {
		mask |= renews
	}
	if _, ok := src.(Notifier); ok {
		mask |= notifies
	}
	if _, ok := src.(Alternates); ok {
		mask |= alternates
	}
	if _, ok := src.(Retirer); ok {
		mask |= retires
	}
	if _, ok := src.(io.Closer); ok {
		mask |= closes
	}
	return mask
}

// Each of these gives a shared one more ability.
type (
	sharedRenewer    struct{ s *shared }
	sharedAlternates struct{ s *shared }
	sharedRetirer    struct{ s *shared }
	sharedCloser     struct{ s *shared }
)

func (a sharedRenewer) Renew(ctx context.Context, c Credential) (Credential, error) {
	return a.s.renew(ctx, c)
}

func (a sharedAlternates) Alternates(ctx context.Context, c Credential) ([]Credential, error) {
	return a.s.alternates(ctx, c)
}

func (a sharedRetirer) Retire(ctx context.Context, c Credential) error { return a.s.retire(ctx, c) }

func (a sharedCloser) Close() error { return a.s.close() }

// withAbilities adds to s the abilities that src has. A type per combination, because an ability is found by
// type assertion: one type with all the methods would claim what src cannot do.
func withAbilities(s *shared, src Source) Source {
	var (
		n, _ = src.(Notifier)
		r    = sharedRenewer{s}
		a    = sharedAlternates{s}
		t    = sharedRetirer{s}
		c    = sharedCloser{s}
	)
	switch abilitiesOf(src) {
	case renews:
		return struct {
			*shared
			sharedRenewer
		}{s, r}
	case notifies:
		return struct {
			*shared
			Notifier
		}{s, n}
	case renews | notifies:
		return struct {
			*shared
			sharedRenewer
			Notifier
		}{s, r, n}
	case alternates:
		return struct {
			*shared
			sharedAlternates
		}{s, a}
	case renews | alternates:
		return struct {
			*shared
			sharedRenewer
			sharedAlternates
		}{s, r, a}
	case notifies | alternates:
		return struct {
			*shared
			Notifier
			sharedAlternates
		}{s, n, a}
	case renews | notifies | alternates:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedAlternates
		}{s, r, n, a}
	case retires:
		return struct {
			*shared
			sharedRetirer
		}{s, t}
	case renews | retires:
		return struct {
			*shared
			sharedRenewer
			sharedRetirer
		}{s, r, t}
	case notifies | retires:
		return struct {
			*shared
			Notifier
			sharedRetirer
		}{s, n, t}
	case renews | notifies | retires:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedRetirer
		}{s, r, n, t}
	case alternates | retires:
		return struct {
			*shared
			sharedAlternates
			sharedRetirer
		}{s, a, t}
	case renews | alternates | retires:
		return struct {
			*shared
			sharedRenewer
			sharedAlternates
			sharedRetirer
		}{s, r, a, t}
	case notifies | alternates | retires:
		return struct {
			*shared
			Notifier
			sharedAlternates
			sharedRetirer
		}{s, n, a, t}
	case renews | notifies | alternates | retires:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedAlternates
			sharedRetirer
		}{s, r, n, a, t}
	case closes:
		return struct {
			*shared
			sharedCloser
		}{s, c}
	case renews | closes:
		return struct {
			*shared
			sharedRenewer
			sharedCloser
		}{s, r, c}
	case notifies | closes:
		return struct {
			*shared
			Notifier
			sharedCloser
		}{s, n, c}
	case renews | notifies | closes:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedCloser
		}{s, r, n, c}
	case alternates | closes:
		return struct {
			*shared
			sharedAlternates
			sharedCloser
		}{s, a, c}
	case renews | alternates | closes:
		return struct {
			*shared
			sharedRenewer
			sharedAlternates
			sharedCloser
		}{s, r, a, c}
	case notifies | alternates | closes:
		return struct {
			*shared
			Notifier
			sharedAlternates
			sharedCloser
		}{s, n, a, c}
	case renews | notifies | alternates | closes:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedAlternates
			sharedCloser
		}{s, r, n, a, c}
	case retires | closes:
		return struct {
			*shared
			sharedRetirer
			sharedCloser
		}{s, t, c}
	case renews | retires | closes:
		return struct {
			*shared
			sharedRenewer
			sharedRetirer
			sharedCloser
		}{s, r, t, c}
	case notifies | retires | closes:
		return struct {
			*shared
			Notifier
			sharedRetirer
			sharedCloser
		}{s, n, t, c}
	case renews | notifies | retires | closes:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedRetirer
			sharedCloser
		}{s, r, n, t, c}
	case alternates | retires | closes:
		return struct {
			*shared
			sharedAlternates
			sharedRetirer
			sharedCloser
		}{s, a, t, c}
	case renews | alternates | retires | closes:
		return struct {
			*shared
			sharedRenewer
			sharedAlternates
			sharedRetirer
			sharedCloser
		}{s, r, a, t, c}
	case notifies | alternates | retires | closes:
		return struct {
			*shared
			Notifier
			sharedAlternates
			sharedRetirer
			sharedCloser
		}{s, n, a, t, c}
	case renews | notifies | alternates | retires | closes:
		return struct {
			*shared
			sharedRenewer
			Notifier
			sharedAlternates
			sharedRetirer
			sharedCloser
		}{s, r, n, a, t, c}
	}
	return s
}

package source

import (
	"context"
)

// Each of these is one ability of a shared source.
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

// abilities returns those that s shares; what src announces, it announces itself.
func (s *shared) abilities(src Source) Abilities {
	a := AbilitiesOf(src)
	if a.Renewer != nil {
		a.Renewer = sharedRenewer{s}
	}
	if a.Alternates != nil {
		a.Alternates = sharedAlternates{s}
	}
	if a.Retirer != nil {
		a.Retirer = sharedRetirer{s}
	}
	if a.Closer != nil {
		a.Closer = sharedCloser{s}
	}
	return a
}

package source

import "io"

// Abilities are the optional abilities of a [Source], each nil where it is missing.
type Abilities struct {
	Renewer    Renewer
	Notifier   Notifier
	Alternates Alternates
	Retirer    Retirer
	Closer     io.Closer
}

// AbilitiesOf returns the abilities of src.
func AbilitiesOf(src Source) (a Abilities) {
	a.Renewer, _ = src.(Renewer)
	a.Notifier, _ = src.(Notifier)
	a.Alternates, _ = src.(Alternates)
	a.Retirer, _ = src.(Retirer)
	a.Closer, _ = src.(io.Closer)
	return a
}

// Compose returns a Source that fetches from base and has exactly the abilities that are not nil in a, whatever
// base can do besides. It is for a Source that wraps another one:
//
//	a := source.AbilitiesOf(inner)
//	if a.Retirer != nil {
//		a.Retirer = counting{a.Retirer}
//	}
//	return source.Compose(counted, a)
func Compose(base Source, a Abilities) Source {
	switch a.mask() {
	case renews:
		return struct {
			Source
			Renewer
		}{base, a.Renewer}
	case notifies:
		return struct {
			Source
			Notifier
		}{base, a.Notifier}
	case renews | notifies:
		return struct {
			Source
			Renewer
			Notifier
		}{base, a.Renewer, a.Notifier}
	case alternates:
		return struct {
			Source
			alternator
		}{base, a.Alternates}
	case renews | alternates:
		return struct {
			Source
			Renewer
			alternator
		}{base, a.Renewer, a.Alternates}
	case notifies | alternates:
		return struct {
			Source
			Notifier
			alternator
		}{base, a.Notifier, a.Alternates}
	case renews | notifies | alternates:
		return struct {
			Source
			Renewer
			Notifier
			alternator
		}{base, a.Renewer, a.Notifier, a.Alternates}
	case retires:
		return struct {
			Source
			Retirer
		}{base, a.Retirer}
	case renews | retires:
		return struct {
			Source
			Renewer
			Retirer
		}{base, a.Renewer, a.Retirer}
	case notifies | retires:
		return struct {
			Source
			Notifier
			Retirer
		}{base, a.Notifier, a.Retirer}
	case renews | notifies | retires:
		return struct {
			Source
			Renewer
			Notifier
			Retirer
		}{base, a.Renewer, a.Notifier, a.Retirer}
	case alternates | retires:
		return struct {
			Source
			alternator
			Retirer
		}{base, a.Alternates, a.Retirer}
	case renews | alternates | retires:
		return struct {
			Source
			Renewer
			alternator
			Retirer
		}{base, a.Renewer, a.Alternates, a.Retirer}
	case notifies | alternates | retires:
		return struct {
			Source
			Notifier
			alternator
			Retirer
		}{base, a.Notifier, a.Alternates, a.Retirer}
	case renews | notifies | alternates | retires:
		return struct {
			Source
			Renewer
			Notifier
			alternator
			Retirer
		}{base, a.Renewer, a.Notifier, a.Alternates, a.Retirer}
	case closes:
		return struct {
			Source
			io.Closer
		}{base, a.Closer}
	case renews | closes:
		return struct {
			Source
			Renewer
			io.Closer
		}{base, a.Renewer, a.Closer}
	case notifies | closes:
		return struct {
			Source
			Notifier
			io.Closer
		}{base, a.Notifier, a.Closer}
	case renews | notifies | closes:
		return struct {
			Source
			Renewer
			Notifier
			io.Closer
		}{base, a.Renewer, a.Notifier, a.Closer}
	case alternates | closes:
		return struct {
			Source
			alternator
			io.Closer
		}{base, a.Alternates, a.Closer}
	case renews | alternates | closes:
		return struct {
			Source
			Renewer
			alternator
			io.Closer
		}{base, a.Renewer, a.Alternates, a.Closer}
	case notifies | alternates | closes:
		return struct {
			Source
			Notifier
			alternator
			io.Closer
		}{base, a.Notifier, a.Alternates, a.Closer}
	case renews | notifies | alternates | closes:
		return struct {
			Source
			Renewer
			Notifier
			alternator
			io.Closer
		}{base, a.Renewer, a.Notifier, a.Alternates, a.Closer}
	case retires | closes:
		return struct {
			Source
			Retirer
			io.Closer
		}{base, a.Retirer, a.Closer}
	case renews | retires | closes:
		return struct {
			Source
			Renewer
			Retirer
			io.Closer
		}{base, a.Renewer, a.Retirer, a.Closer}
	case notifies | retires | closes:
		return struct {
			Source
			Notifier
			Retirer
			io.Closer
		}{base, a.Notifier, a.Retirer, a.Closer}
	case renews | notifies | retires | closes:
		return struct {
			Source
			Renewer
			Notifier
			Retirer
			io.Closer
		}{base, a.Renewer, a.Notifier, a.Retirer, a.Closer}
	case alternates | retires | closes:
		return struct {
			Source
			alternator
			Retirer
			io.Closer
		}{base, a.Alternates, a.Retirer, a.Closer}
	case renews | alternates | retires | closes:
		return struct {
			Source
			Renewer
			alternator
			Retirer
			io.Closer
		}{base, a.Renewer, a.Alternates, a.Retirer, a.Closer}
	case notifies | alternates | retires | closes:
		return struct {
			Source
			Notifier
			alternator
			Retirer
			io.Closer
		}{base, a.Notifier, a.Alternates, a.Retirer, a.Closer}
	case renews | notifies | alternates | retires | closes:
		return struct {
			Source
			Renewer
			Notifier
			alternator
			Retirer
			io.Closer
		}{base, a.Renewer, a.Notifier, a.Alternates, a.Retirer, a.Closer}
	}
	return struct{ Source }{base}
}

// alternator is Alternates under another name: an embedded field hides a method of its own name.
type alternator interface{ Alternates }

// The abilities as bits: one that is found by type assertion needs a type for every combination.
const (
	renews = 1 << iota
	notifies
	alternates
	retires
	closes
)

func (a Abilities) mask() (mask int) {
	for i, has := range [...]bool{
		a.Renewer != nil, a.Notifier != nil, a.Alternates != nil, a.Retirer != nil, a.Closer != nil,
	} {
		if has {
			mask |= 1 << i
		}
	}
	return mask
}

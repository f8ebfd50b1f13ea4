package probe

import "errors"

// Validate reports a mistake in how p was put together, without a connection: a privilege that PostgreSQL does not
// have, an empty statement, a nil probe. A pool calls it when it is made. Probes of other packages take part by
// having a method Validate() error.
func Validate(p Probe) error {
	if f, ok := p.(Func); p == nil || ok && f == nil {
		return errors.New("probe: a probe is nil")
	}
	if v, ok := p.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

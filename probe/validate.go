package probe

import (
	"errors"
	"reflect"
)

// Validate reports a mistake in how p was put together, without a connection: a privilege that PostgreSQL does not
// have, an empty statement, a nil probe. A pool calls it when it is made. Probes of other packages take part by
// having a method Validate() error.
func Validate(p Probe) error {
	if isNil(p) {
		return errors.New("probe: a probe is nil")
	}
	if v, ok := p.(interface{ Validate() error }); ok {
		return v.Validate()
	}
	return nil
}

// isNil finds a nil in an interface as well: its methods would fail only at the first rotation.
func isNil(p Probe) bool {
	switch v := reflect.ValueOf(p); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func:
		return v.IsNil()
	default:
		return false
	}
}

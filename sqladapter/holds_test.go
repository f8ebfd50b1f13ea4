package sqladapter

import (
	"reflect"
	"strings"
)

// Holds is for tests that look for passwords in what they are given, however deep. Nobody may change that meanwhile.
func Holds(v any, password string) bool { return holds(v, password) }

// holds reports whether a password can be found in v, or in what v points to.
func holds(v any, password string) bool {
	if err, ok := v.(error); ok && shows(err.Error(), password) {
		return true
	}
	s := search{password: password, seen: map[uintptr]bool{}, left: searchLimit}
	return s.in(reflect.ValueOf(v))
}

func shows(text, password string) bool {
	for _, form := range formsOf(password) {
		if strings.Contains(text, form) {
			return true
		}
	}
	return false
}

// searchLimit is how many values a search looks at. What is larger is taken to hold the password.
const searchLimit = 20_000

// search looks for a password in values of any kind.
type search struct {
	password string
	seen     map[uintptr]bool // pointers
	left     int
}

func (s *search) in(v reflect.Value) bool {
	if s.left--; s.left < 0 {
		return true
	}
	switch v.Kind() {
	case reflect.String:
		return shows(v.String(), s.password)
	case reflect.Pointer:
		if v.IsNil() || s.seen[v.Pointer()] {
			return false
		}
		s.seen[v.Pointer()] = true
		return s.in(v.Elem())
	case reflect.Interface:
		return !v.IsNil() && s.in(v.Elem())
	case reflect.Struct:
		return s.inAny(v.NumField(), v.Field)
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v.Kind() == reflect.Slice && shows(string(v.Bytes()), s.password)
		}
		return s.inAny(v.Len(), v.Index)
	case reflect.Map:
		keys := v.MapKeys()
		return s.inAny(len(keys), func(i int) reflect.Value { return v.MapIndex(keys[i]) })
	}
	return false
}

func (s *search) inAny(n int, item func(int) reflect.Value) bool {
	for i := range n {
		if s.in(item(i)) {
			return true
		}
	}
	return false
}

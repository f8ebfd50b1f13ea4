package sqladapter

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// redact returns err as it is, unless it shows a password, or holds one within what it was made of, as errors about a
// connection string do. Then the password is replaced in its text, and errors.As finds in it only what holds no password.
//
// An error that parses may repeat a part of the password, such as what it takes for a port. Unless whole says that
// the text is not of that kind, one with a part of the password in it is withheld.
func redact(err error, password string, whole bool) error {
	if err == nil || password == "" {
		return err
	}
	before := err.Error()
	text := before
	for _, form := range formsOf(password) {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	withheld := !whole && hasPartOf(text, password)
	if withheld {
		text = fmt.Sprintf("%T, withheld: it repeats a part of the password", err)
	}
	if text == before && !holds(err, password) {
		return err
	}
	return &redactedError{
		text: text, withheld: withheld, cause: func() error { return err }, password: func() string { return password },
	}
}

// dialledError is one of a login for which the driver has dialled, or of what came after: it is not about the parsing of a
// connection string any more.
type dialledError struct{ error }

func (e dialledError) Unwrap() error { return e.error }

// formsOf returns how a password is written in connection strings and in messages that quote them, the quoted ones first.
func formsOf(password string) []string {
	slashes := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	written := []string{
		password, url.QueryEscape(password), url.PathEscape(password),
		strings.TrimPrefix(url.UserPassword("", password).String(), ":"),
		slashes.Replace(password), strings.ReplaceAll(password, "'", "''"), strings.ReplaceAll(password, "}", "}}"),
	}
	forms := make([]string, 0, 2*len(written))
	for _, w := range written {
		quoted := strconv.Quote(w)
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	return append(forms, written...)
}

// partLength is how much of a password tells something.
const partLength = 4

// hasPartOf reports whether text has a part of the password.
func hasPartOf(text, password string) bool {
	n := min(partLength, len(password))
	for i := range len(password) - n + 1 {
		if strings.Contains(text, password[i:i+n]) {
			return true
		}
	}
	return false
}

// redactedError is an error without the password that it held. That is in functions, so that no way of printing finds it.
type redactedError struct {
	text     string
	withheld bool // all of the original
	cause    func() error
	password func() string
}

func (e *redactedError) Error() string { return e.text }

// Is reports whether the error, or one that it wraps, is target.
func (e *redactedError) Is(target error) bool { return errors.Is(e.cause(), target) }

// As finds what an error that wraps others would, if it holds no password: a server's answer, a timeout.
func (e *redactedError) As(target any) bool {
	if e.withheld {
		return false
	}
	found := reflect.New(reflect.TypeOf(target).Elem())
	if !errors.As(e.cause(), found.Interface()) || holds(found.Elem().Interface(), e.password()) {
		return false
	}
	reflect.ValueOf(target).Elem().Set(found.Elem())
	return true
}

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

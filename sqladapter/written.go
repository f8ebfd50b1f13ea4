package sqladapter

import (
	"reflect"
	"slices"
	"strings"
)

// written is a password as it may stand in a text; see formsOf.
type written []string

func (w written) replacedIn(text string) string {
	for _, form := range w {
		text = strings.ReplaceAll(text, form, "[redacted]")
	}
	return text
}

func (w written) in(text string) bool {
	return slices.ContainsFunc(w, func(form string) bool { return strings.Contains(text, form) })
}

// plain reports whether err, and all that it wraps, are known not to hold the password: errors of the standard library that
// are not about parsing, and those made of nothing but texts and numbers without it. What others point to is not looked at:
// somebody may be changing it.
func (w written) plain(err error) bool {
	if err == nil {
		return true
	}
	if w.in(err.Error()) || !w.plainValue(reflect.ValueOf(err)) {
		return false
	}
	switch err := err.(type) {
	case interface{ Unwrap() error }:
		return w.plain(err.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(err.Unwrap(), func(e error) bool { return !w.plain(e) })
	}
	return true
}

// harmless are the packages of the standard library whose errors hold no connection string, and own begins the paths of ours.
var harmless = []string{"", "context", "crypto/tls", "crypto/x509", "errors", "fmt", "io", "net", "os", "internal/poll", "syscall"}

const own = "github.com/rekeyhq/rekey/"

func (w written) plainValue(v reflect.Value) bool {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return true
	}
	if path := v.Type().PkgPath(); slices.Contains(harmless, path) || strings.HasPrefix(path, own) {
		return true
	}
	if v.Kind() != reflect.Struct {
		return w.plainField(v)
	}
	for i := range v.NumField() {
		if !w.plainField(v.Field(i)) {
			return false
		}
	}
	return true
}

var errorType = reflect.TypeFor[error]()

// plainField leaves out what an error wraps: that is looked at by itself.
func (w written) plainField(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String:
		return !w.in(v.String())
	case reflect.Slice, reflect.Array:
		return v.Len() == 0 || v.Kind() == reflect.Array && v.Type().Elem().Kind() == reflect.Uint8 || v.Type().Elem() == errorType
	case reflect.Interface:
		return v.IsNil() || v.Type() == errorType
	case reflect.Pointer, reflect.Map, reflect.Func, reflect.Chan:
		return v.IsNil()
	case reflect.Struct, reflect.UnsafePointer:
		return false
	default: // numbers and truths
		return true
	}
}

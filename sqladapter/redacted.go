package sqladapter

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
)

// redact returns err as it is, unless it shows a password, or may hold one within what it was made of, as errors about a
// connection string do. Then the password is replaced in its text, and errors.As finds in it only what holds no password.
//
// An error that parses may repeat a part of the password, such as what it takes for a port. Unless whole says that
// the text is not of that kind, one with a part of the password in it is withheld.
func redact(err error, password string, whole bool) error {
	if err == nil || password == "" {
		return err
	}
	w := written(formsOf(password))
	before := err.Error()
	text := w.replacedIn(before)
	withheld := !whole && hasPartOf(text, password)
	if withheld {
		text = fmt.Sprintf("%T, withheld: it repeats a part of the password", err)
	}
	if text == before && w.plain(err) {
		return err
	}
	return &redactedError{
		text: text, withheld: withheld, cause: func() error { return err }, written: func() written { return w },
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
	written  func() written
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
	if !errors.As(e.cause(), found.Interface()) {
		return false
	}
	if err, ok := found.Elem().Interface().(error); !ok || !e.written().plain(err) {
		return false
	}
	reflect.ValueOf(target).Elem().Set(found.Elem())
	return true
}

package probe

import (
	"iter"
	"slices"
	"strings"
)

const (
	superuser = "SUPERUSER" // among a role's attributes
	connect   = "CONNECT"   // among a role's rights on the database
)

// role is what the server knows of one role.
type role struct {
	name, oid  string
	attributes []string
	onDatabase []string // what it may do with the database; ownership comes first
	ownSchema  bool     // a schema is named like it, which is what "$user" stands for
	configured []string // "name=value", the more particular first
}

func (r role) is(attribute string) bool { return slices.Contains(r.attributes, attribute) }

func (r role) mayOnDatabase(right string) bool { return slices.Contains(r.onDatabase, right) }

// settings iterates over the values that are configured for a setting in sessions of the role, the one that wins first.
func (r role) settings(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, c := range r.configured {
			if n, value, _ := strings.Cut(c, "="); n == name && !yield(value) {
				return
			}
		}
	}
}

// setting returns the value that wins, and the empty string if there is none.
func (r role) setting(name string) string {
	for value := range r.settings(name) {
		return value
	}
	return ""
}

package probe

import (
	"fmt"
	"strings"
	"unicode"
)

// Right is one thing that a login is allowed, or set up, to do.
type Right struct {
	// Privilege is as in GRANT ("SELECT", "USAGE", …), or one of "ownership" (of Object), "membership" (in a
	// role, good for SET ROLE), "attribute" (Object is SUPERUSER, CREATEROLE, …), "setting" (Object is what
	// the login's sessions must have), "access" (to rows, by a row-level security policy) and "user mapping".
	Privilege string

	// Kind is the kind of Object: "table" (views and the like too), "column", "sequence", "schema",
	// "function", "database", "type", "language", "foreign-data wrapper", "foreign server", "tablespace",
	// "large object", "role", "policy"; empty for attributes and settings.
	Kind string

	// Object is the name as one writes it in SQL, quoted where it must be.
	Object string

	// Absent is true if the object does not exist, or if the login cannot see it on its search_path.
	Absent bool
}

// maxName bounds how much of a name is printed, in bytes. A qualified name of two full-length parts fits.
const maxName = 140

// String is the right as one says it: "SELECT on table app.orders".
func (r Right) String() string {
	object := printable(r.Object)
	var s string
	switch r.Privilege {
	case "attribute":
		s = object
	case "setting":
		s = "the setting " + object
	case "membership":
		s = "membership in role " + object
	case "ownership":
		s = fmt.Sprintf("ownership of %s %s", r.Kind, object)
	case "access":
		s = fmt.Sprintf("access by %s %s", r.Kind, object)
	default:
		s = fmt.Sprintf("%s on %s %s", r.Privilege, r.Kind, object)
	}
	if r.Absent {
		s += " (not found)"
	}
	return s
}

// printable makes a name fit for a log line: a name may hold anything.
func printable(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name)
	if len(name) <= maxName {
		return name
	}
	return strings.ToValidUTF8(name[:maxName], "") + "…"
}

package mysql

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// rights are what SHOW GRANTS says of a login.
type rights struct {
	user    string
	account string // and the server that it is of

	granted  map[string]bool // "SELECT ON `app`.`t`", or the name of a role
	withheld map[string]bool // of what is granted on a whole: "SELECT ON `mysql`.*"
}

// errNotUnderstood leaves the line out: it may hold the hash of a password.
var errNotUnderstood = errors.New("mysql: SHOW GRANTS has a line that begins neither with GRANT nor with REVOKE")

// read takes in one line.
func (r *rights) read(line string) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "GRANT":
		add(r.granted, rest, " TO ")
	case "REVOKE", "DENY":
		add(r.withheld, rest, " FROM ")
	case "SET": // DEFAULT ROLE: what the role is granted is in other lines
	default:
		return errNotUnderstood
	}
	return nil
}

// add puts the single grants of a line into set, up to the word before the account. Lists of columns stay as they are written.
func add(set map[string]bool, rest, end string) {
	what, _ := cutOutside(rest, end)
	privileges, object := cutOutside(what, " ON ")
	for _, p := range splitOutside(privileges) {
		if p == "USAGE" || p == "PROXY" {
			continue
		}
		if object != "" {
			p += " ON " + object
		}
		set[p] = true
	}
}

// lacks says what next has not, or may not, that the login in use has or may; empty if there is nothing.
func (next *rights) lacks(inUse *rights) string {
	if next.account == inUse.account {
		return "" // it is the same one
	}
	for _, g := range slices.Sorted(maps.Keys(inUse.granted)) {
		if !next.granted[g] && !next.granted[allOn(g)] {
			return "lacks " + g
		}
	}
	for _, w := range slices.Sorted(maps.Keys(next.withheld)) {
		if !inUse.withheld[w] && !inUse.withheld[allOn(w)] {
			return "is withheld " + w
		}
	}
	return ""
}

// allOn is the grant that includes grant.
func allOn(grant string) string {
	_, object := cutOutside(grant, " ON ")
	return "ALL PRIVILEGES ON " + object
}

// cutOutside cuts at the first sep that is within neither quotes nor parentheses; after is empty if there is none.
func cutOutside(s, sep string) (before, after string) {
	for i := range outside(s) {
		if strings.HasPrefix(s[i:], sep) {
			return s[:i], s[i+len(sep):]
		}
	}
	return s, ""
}

// splitOutside splits at the commas that are within neither quotes nor parentheses.
func splitOutside(list string) (parts []string) {
	begin := 0
	for i := range outside(list) {
		if list[i] == ',' {
			parts = append(parts, strings.TrimSpace(list[begin:i]))
			begin = i + 1
		}
	}
	return append(parts, strings.TrimSpace(list[begin:]))
}

// outside yields the positions in s that are within neither quotes nor parentheses. A quote within quotes is doubled, which
// ends them and begins them anew.
func outside(s string) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		depth, quote := 0, byte(0)
		for i := range len(s) {
			switch c := s[i]; {
			case quote != 0:
				if c == quote {
					quote = 0
				}
			case c == '`' || c == '\'' || c == '"':
				quote = c
			case c == '(':
				depth++
			case c == ')':
				depth--
			case depth == 0 && !yield(i):
				return
			}
		}
	}
}

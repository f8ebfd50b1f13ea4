package probe

import (
	"fmt"
	"strings"
)

// maxMissing is how many rights a MissingError names.
const maxMissing = 10

// MissingError says what a login lacks. [Lacks] is true for it: do not adopt the login. Checking it again helps
// only after somebody granted what is missing.
type MissingError struct {
	Login   string  // the login that lacks it
	Current string  // the login in use, which has it; empty if the caller asked for it by name
	Missing []Right // the first of them, at most 10, in a stable order
	More    int     // how many more there are
}

// Error names the missing rights. Its length is bounded.
func (e *MissingError) Error() string {
	var s strings.Builder
	fmt.Fprintf(&s, "probe: login %q lacks ", printable(e.Login))
	if e.Current != "" {
		fmt.Fprintf(&s, "what login %q has: ", printable(e.Current))
	}
	for i, r := range e.Missing {
		if i > 0 {
			s.WriteString(", ")
		}
		s.WriteString(r.String())
	}
	if e.More > 0 {
		fmt.Fprintf(&s, ", and %d more", e.More)
	}
	return s.String()
}

// Lacks is true.
func (e *MissingError) Lacks() bool { return true }

// missing returns a MissingError for rights, or nil if there are none. More counts those that the caller left out
// already.
func missing(login, current string, rights []Right, more int) error {
	if len(rights) == 0 {
		return nil
	}
	if over := len(rights) - maxMissing; over > 0 {
		rights, more = rights[:maxMissing], more+over
	}
	return &MissingError{Login: login, Current: current, Missing: rights, More: more}
}

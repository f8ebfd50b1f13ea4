package cli

import "fmt"

// Problems are what must not have happened, in words.
type Problems []string

// Add adds one, if it is bad.
func (p *Problems) Add(bad bool, format string, args ...any) {
	if bad {
		*p = append(*p, fmt.Sprintf(format, args...))
	}
}

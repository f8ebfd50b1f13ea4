package source

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every printed form of a Secret says.
const redacted = "[redacted]"

// Secret holds a value that must never be printed: it shows as "[redacted]" under every fmt verb, in
// log/slog, JSON, YAML and text encodings, and in the diffs of test libraries. Reveal is the only way out.
//
// The zero Secret holds the empty string. A Secret is immutable and safe for concurrent use.
type Secret struct {
	// A func, because printers and diff libraries follow strings and pointers to strings into unexported
	// fields, and stop at funcs.
	reveal func() string
}

// NewSecret wraps s.
func NewSecret(s string) Secret {
	return Secret{reveal: func() string { return s }}
}

// Reveal returns the wrapped value. Call it where the value is handed to a driver, and nowhere else.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsZero reports whether the wrapped value is empty.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Format writes "[redacted]" for every verb: without it, %d and its like would show the wrapper's insides.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (Secret) GoString() string { return redacted }

// LogValue returns "[redacted]" as a slog.Value.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[redacted]"; encoding/json and most other encoders use it.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

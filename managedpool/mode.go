package managedpool

import "fmt"

// Mode says what a rotation replaces. The zero Mode means InPlace.
type Mode int

// defaultMode is what the zero Mode means. Only tests change it, to run in every mode.
var defaultMode = InPlace

const (
	// InPlace replaces connections: one pgxpool serves for life, and its connections are exchanged one by one.
	InPlace Mode = iota + 1

	// Replace replaces the pgxpool: each login has one of its own, which fills while the one before drains.
	// Options.NextConfig may give it another configuration. There is no *pgxpool.Pool to Unwrap, transactions are
	// no *pgxpool.Tx, Reset and AcquireAllIdle see the connections of every pgxpool there is at that moment, and
	// Stat those of the newest.
	Replace
)

func (m Mode) String() string {
	switch m {
	case InPlace:
		return "in place"
	case Replace:
		return "replace"
	default:
		return fmt.Sprintf("Mode(%d)", int(m))
	}
}

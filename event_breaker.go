package rekey

import "log/slog"

// The states of the circuit breaker around a source, in Status and BreakerEvent.
const (
	BreakerClosed   = "closed"
	BreakerHalfOpen = "half-open"
	BreakerOpen     = "open"
)

// BreakerEvent says that the circuit breaker around the source has changed its state. A state that ends within the
// second may not be told.
type BreakerEvent struct {
	From, To string // one of the Breaker constants
}

// Name implements Event.
func (BreakerEvent) Name() string { return "breaker changed" }

// Level is a warning when the source begins to be left alone. That it was tried once more, in vain, is told by what
// failed.
func (e BreakerEvent) Level() slog.Level {
	switch {
	case e.To == BreakerClosed:
		return slog.LevelInfo
	case e.From == BreakerClosed:
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// Attrs implements Event.
func (e BreakerEvent) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("from", e.From), slog.String("to", e.To)}
}

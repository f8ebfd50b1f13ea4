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

// Level is a warning while the source is left alone.
func (e BreakerEvent) Level() slog.Level {
	if e.To == BreakerOpen {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Attrs implements Event.
func (e BreakerEvent) Attrs() []slog.Attr {
	return []slog.Attr{slog.String("from", e.From), slog.String("to", e.To)}
}

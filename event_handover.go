package rekey

import (
	"log/slog"
	"time"
)

// HandOverBegunEvent says that connections of earlier generations are being replaced. A credential with the same login
// as the one before, or the first, needs no hand-over.
type HandOverBegunEvent struct {
	Generation  uint64 // whose connections take their place
	Version     string
	Connections int // to be replaced
}

// Name implements Event.
func (HandOverBegunEvent) Name() string { return "hand-over begun" }

// Level implements Event.
func (HandOverBegunEvent) Level() slog.Level { return slog.LevelInfo }

// Attrs implements Event.
func (e HandOverBegunEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version), slog.Int("connections", e.Connections))
}

// HandOverEndedEvent says that a hand-over is over: no connection of an earlier generation is left, or the next
// hand-over has taken over what was.
type HandOverEndedEvent struct {
	Generation uint64
	Version    string
	Overtaken  bool // by the next hand-over
	Duration   time.Duration
}

// Name implements Event.
func (HandOverEndedEvent) Name() string { return "hand-over ended" }

// Level implements Event.
func (HandOverEndedEvent) Level() slog.Level { return slog.LevelInfo }

// Attrs implements Event.
func (e HandOverEndedEvent) Attrs() []slog.Attr {
	return append(generationAttrs(e.Generation, e.Version),
		slog.Bool("overtaken", e.Overtaken), slog.Duration("duration", e.Duration))
}

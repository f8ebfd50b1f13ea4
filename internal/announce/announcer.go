// Package announce tells of a pool's events to whoever wants them.
package announce

import (
	"context"
	"log/slog"

	"github.com/rekeyhq/rekey"
)

// Announcer is where one pool's events go. The zero Announcer tells nobody.
type Announcer struct {
	OnEvent func(rekey.Event)
	Logger  *slog.Logger // a line for each event

	// Pool and Source are attributes of every line; empty ones are left out.
	Pool, Source string
}

// Tell hands e to OnEvent, and then to the log.
func (a Announcer) Tell(e rekey.Event) {
	if a.OnEvent != nil {
		a.OnEvent(e)
	}
	if a.Logger != nil {
		a.Logger.LogAttrs(context.Background(), e.Level(), "rekey: "+e.Name(), append(a.names(), e.Attrs()...)...)
	}
}

func (a Announcer) names() (attrs []slog.Attr) {
	if a.Pool != "" {
		attrs = append(attrs, slog.String("pool", a.Pool))
	}
	if a.Source != "" {
		attrs = append(attrs, slog.String("source", a.Source))
	}
	return attrs
}

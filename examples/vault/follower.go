package main

import (
	"log/slog"
	"sync/atomic"

	"github.com/rekeyhq/rekey"
)

// follower counts what the pool tells of its leases.
type follower struct {
	warn func(rekey.Event)

	made, renewed, revoked atomic.Int64
}

// observe takes the events, one at a time and in order.
func (f *follower) observe(event rekey.Event) {
	switch e := event.(type) {
	case rekey.FetchedEvent:
		if e.Changed {
			f.made.Add(1)
		}
	case rekey.RenewedEvent:
		f.renewed.Add(1)
	case rekey.RetiredEvent:
		if e.Err == nil {
			f.revoked.Add(1)
		}
	case rekey.WarningEvent:
		return // it advises against leases of seconds, which are the point here
	}
	if event.Level() >= slog.LevelWarn {
		f.warn(event)
	}
}

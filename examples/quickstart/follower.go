package main

import (
	"log/slog"

	"github.com/rekeyhq/rekey"
)

// follower learns from the pool's events when an old login may go.
type follower struct {
	rotation *rotation
	warn     func(rekey.Event)
	users    map[uint64]string // by generation
}

func newFollower(r *rotation, warn func(rekey.Event)) *follower {
	return &follower{rotation: r, warn: warn, users: map[uint64]string{}}
}

// observe takes the events, one at a time and in order.
func (f *follower) observe(event rekey.Event) {
	switch e := event.(type) {
	case rekey.AdoptedEvent:
		f.users[e.Generation] = e.Username
		f.rotation.adopted(e.Username)
	case rekey.DrainedEvent:
		f.rotation.drained(f.users[e.Generation])
		delete(f.users, e.Generation)
	default:
		if e.Level() >= slog.LevelWarn {
			f.warn(e)
		}
	}
}

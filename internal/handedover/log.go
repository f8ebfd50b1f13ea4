// Package handedover notes when hand-overs begin and end, for those who are told of them.
package handedover

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// Log is what is to be told. The zero Log is empty. Its owner's lock guards it.
type Log struct {
	begun *rekey.HandOverBegunEvent // the one that is under way
	at    time.Time                 // when it began
	news  []rekey.Event
}

// Publish notes that a generation is in use from now on, while conns connections of earlier ones are left. A hand-over that
// has not ended is overtaken, if there are any.
func (l *Log) Publish(generation uint64, version string, conns int, now time.Time) {
	l.end(now, conns > 0)
	if conns == 0 {
		return
	}
	l.begun, l.at = &rekey.HandOverBegunEvent{Generation: generation, Version: version, Connections: conns}, now
	l.news = append(l.news, *l.begun)
}

// Drained notes that no connection of an earlier generation is left.
func (l *Log) Drained(now time.Time) { l.end(now, false) }

func (l *Log) end(now time.Time, overtaken bool) {
	if l.begun == nil {
		return
	}
	l.news = append(l.news, rekey.HandOverEndedEvent{
		Generation: l.begun.Generation, Version: l.begun.Version, Overtaken: overtaken, Duration: now.Sub(l.at),
	})
	l.begun = nil
}

// Take returns what was noted since it was last taken.
func (l *Log) Take() []rekey.Event {
	news := l.news
	l.news = nil
	return news
}

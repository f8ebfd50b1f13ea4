package managedpool

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// handedOver is a hand-over as it is told of.
type handedOver struct {
	to        *generation
	began     time.Time
	conns     int       // to be replaced
	ended     time.Time // zero: it has begun
	overtaken bool
}

// event is what is told of it.
func (h handedOver) event() rekey.Event {
	id, version := h.to.id(), h.to.credential.Version
	if h.ended.IsZero() {
		return rekey.HandOverBegunEvent{Generation: id, Version: version, Connections: h.conns}
	}
	return rekey.HandOverEndedEvent{
		Generation: id, Version: version, Overtaken: h.overtaken, Duration: h.ended.Sub(h.began),
	}
}

// beginHandOver notes that another generation is in use, if connections of earlier ones are left. It is called under the
// lock.
func (r *registry) beginHandOver(now time.Time) {
	conns := 0
	for _, g := range r.old {
		if g.snapshot.Load() != nil { // else of the time before the first credential
			conns += g.conns
		}
	}
	r.endHandOver(now, conns > 0)
	if conns == 0 {
		return
	}
	r.begun = &handedOver{to: r.current, began: now, conns: conns}
	r.news = append(r.news, *r.begun)
}

// endHandOver notes that there is none any more. It is called under the lock.
func (r *registry) endHandOver(now time.Time, overtaken bool) {
	if r.begun == nil {
		return
	}
	r.begun.ended, r.begun.overtaken = now, overtaken
	r.news = append(r.news, *r.begun)
	r.begun = nil
}

// takeNews returns the hand-overs that have begun or ended and were not returned before.
func (r *registry) takeNews() []handedOver {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := r.news
	r.news = nil
	return news
}

package statuspage

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
)

// routineRoom is how many routine events of each pool are kept, beside the others.
const routineRoom = 50

// journal keeps the latest events of each pool, numbered from 1 in the order in which they came. Each pool has room of
// its own: a noisy one does not push out what happened to a quiet one. So has routine: a poll a minute does not push out
// the adoption of last week.
type journal struct {
	room int // events of each pool that are not routine

	mu      sync.Mutex // guards the rest
	last    uint64
	lost    uint64              // the highest number that is no longer here; routine is not missed
	pools   map[string]*history // by their ids
	changed chan struct{}       // closed and replaced at every change
}

// history is what is kept of a pool, each list in order.
type history struct {
	events, routine []record
}

func newJournal(room int) *journal {
	return &journal{room: room, pools: map[string]*history{}, changed: make(chan struct{})}
}

// routine reports whether an event tells that all is as it was, or is a step of what another event tells of.
func routine(event rekey.Event) bool {
	if end, ok := event.(rekey.RefreshEndedEvent); ok { // it alone knows why there was an adoption, say
		return end.Recovered == 0 && (end.Outcome == rekey.OutcomeUnchanged || end.Outcome == rekey.OutcomeFailed)
	}
	return event.Level() < slog.LevelInfo
}

// open makes room for a pool.
func (j *journal) open(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pools[id] = &history{}
	j.announce()
}

// add notes an event. Those of a pool that has no room any more are not noted.
func (j *journal) add(id, name string, event rekey.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	h, known := j.pools[id]
	if !known {
		return
	}
	j.last++
	r := newRecord(j.last, id, name, time.Now(), event)
	if r.routine {
		h.routine, _ = push(h.routine, r, routineRoom)
	} else {
		var lost uint64
		h.events, lost = push(h.events, r, j.room)
		j.lost = max(j.lost, lost)
	}
	j.announce()
}

// push appends a record where there is room for so many, and returns the number of the one that had to go.
func push(records []record, r record, room int) (_ []record, lost uint64) {
	records = append(records, r)
	if extra := len(records) - room; extra > 0 {
		lost = records[extra-1].seq
		records = slices.Delete(records, 0, extra)
	}
	return records, lost
}

// forget drops a pool's events.
func (j *journal) forget(id string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.pools, id)
	j.announce()
}

// wake makes those who wait for a change look.
func (j *journal) wake() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.announce()
}

// announce is called under the lock.
func (j *journal) announce() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// watch returns a channel that the next change closes.
func (j *journal) watch() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

// since returns the events after a number, in order, whether there are none missing among them, routine aside, and the
// number of the last that there ever was.
func (j *journal) since(seq uint64) (records []record, complete bool, last uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq >= j.last {
		return nil, seq == j.last, j.last
	}
	for _, h := range j.pools {
		records = append(records, after(h.events, seq)...)
		records = append(records, after(h.routine, seq)...)
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	return records, seq >= j.lost, j.last
}

// after is the part of records with a higher number.
func after(records []record, seq uint64) []record {
	first, _ := slices.BinarySearchFunc(records, seq+1, func(r record, seq uint64) int { return cmp.Compare(r.seq, seq) })
	return records[first:]
}

package statuspage

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
)

// journal keeps the latest events of each pool, numbered from 1 in the order in which they came. Each pool has room of
// its own: a noisy one does not push out what happened to a quiet one.
type journal struct {
	room int // events of each pool

	mu      sync.Mutex // guards the rest
	last    uint64
	lost    uint64 // the highest number that is no longer here
	records map[string][]record
	changed chan struct{} // closed and replaced at every change
}

func newJournal(room int) *journal {
	return &journal{room: room, records: map[string][]record{}, changed: make(chan struct{})}
}

// open makes room for a pool.
func (j *journal) open(pool string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.records[pool] = nil
	j.announce()
}

// add notes an event. Those of a pool that has no room any more are not noted.
func (j *journal) add(pool string, event rekey.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	records, known := j.records[pool]
	if !known {
		return
	}
	j.last++
	records = append(records, newRecord(j.last, pool, time.Now(), event))
	if extra := len(records) - j.room; extra > 0 {
		j.lost = max(j.lost, records[extra-1].seq)
		records = slices.Delete(records, 0, extra)
	}
	j.records[pool] = records
	j.announce()
}

// forget drops a pool's events.
func (j *journal) forget(pool string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.records, pool)
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

// since returns the events after a number, in order, and whether there are none missing among them.
func (j *journal) since(seq uint64) (records []record, complete bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq >= j.last {
		return nil, seq == j.last
	}
	for _, all := range j.records {
		first, _ := slices.BinarySearchFunc(all, seq+1, func(r record, seq uint64) int { return cmp.Compare(r.seq, seq) })
		records = append(records, all[first:]...)
	}
	slices.SortFunc(records, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	return records, seq >= j.lost
}

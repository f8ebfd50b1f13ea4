package statuspage

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/rekeyhq/rekey"
)

// state is what the pools are like at one moment.
type state struct {
	Now   time.Time   `json:"now"`
	Pools []poolState `json:"pools"`
}

// poolState is one pool's. Status is nil before the pool was added, and Counts for pools that do not count.
type poolState struct {
	ID     string        `json:"id"`
	Name   string        `json:"name"`
	Status *rekey.Status `json:"status"`
	Counts *counts       `json:"counts,omitempty"`
}

// look asks all pools. They are asked without the lock: what a pool does in Status is its own affair.
func (p *Page) look() []poolState {
	p.mu.Lock()
	entries := make([]entry, 0, len(p.pools))
	for _, e := range p.pools {
		entries = append(entries, *e)
	}
	p.mu.Unlock()
	pools := make([]poolState, 0, len(entries))
	for _, e := range entries {
		s := poolState{ID: e.id, Name: e.name}
		if e.pool != nil {
			status := e.pool.Status()
			s.Status, s.Counts = &status, countsOf(e.pool)
		}
		pools = append(pools, s)
	}
	return pools
}

// snapshot is all that there is to show, and from where a stream goes on.
type snapshot struct {
	state
	Events   []json.RawMessage `json:"events"`
	Position string            `json:"position"`
}

// serveState is for those who have no browser at hand, and for the page while it has no stream.
func (p *Page) serveState(w http.ResponseWriter) {
	s := snapshot{state: state{Now: time.Now(), Pools: p.look()}, Events: []json.RawMessage{}}
	records, _, last := p.journal.since(0)
	for _, r := range records {
		s.Events = append(s.Events, r.data)
	}
	s.Position = p.life.mark(last)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store, no-transform")
	_ = json.NewEncoder(w).Encode(s) // whoever asked is gone
}

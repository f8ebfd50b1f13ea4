package refresh

import (
	"maps"
	"slices"
	"sync"

	"github.com/rekeyhq/rekey/source"
)

// ledger knows which credentials the engine holds and has yet to give back to the source.
type ledger struct {
	mu          sync.Mutex                   // guards what follows
	generations map[uint64]source.Credential // adopted, and not drained
	onTheirWay  map[string]source.Credential // by version: of no generation, and not given back
}

func newLedger() *ledger {
	return &ledger{generations: map[uint64]source.Credential{}, onTheirWay: map[string]source.Credential{}}
}

// adopted notes a generation, or the new times of one.
func (l *ledger) adopted(g *Generation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.generations[g.ID] = g.Credential
}

// drained ends a generation. It reports whether its credential may be given back: no other generation uses it.
func (l *ledger) drained(id uint64) (c source.Credential, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok = l.generations[id]
	delete(l.generations, id)
	return c, ok && !l.has(c.Version)
}

// uses reports whether a generation that is not drained has the version.
func (l *ledger) uses(version string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.has(version)
}

// has is uses for a caller who holds mu.
func (l *ledger) has(version string) bool {
	for _, c := range l.generations {
		if c.Version == version {
			return true
		}
	}
	return false
}

// leaving notes a credential that is to be given back.
func (l *ledger) leaving(c source.Credential) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.onTheirWay[c.Version] = c
}

// takeAll returns what is still held, each version once and the oldest generation first, and forgets it.
func (l *ledger) takeAll() []source.Credential {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []source.Credential
	add := func(c source.Credential) {
		if !slices.ContainsFunc(all, func(o source.Credential) bool { return o.Version == c.Version }) {
			all = append(all, c)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.generations)) {
		add(l.generations[id])
	}
	for _, version := range slices.Sorted(maps.Keys(l.onTheirWay)) {
		add(l.onTheirWay[version])
	}
	clear(l.generations)
	clear(l.onTheirWay)
	return all
}

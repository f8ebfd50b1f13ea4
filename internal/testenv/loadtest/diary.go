package loadtest

import (
	"fmt"
	"sync"

	"github.com/rekeyhq/rekey"
)

// Diary collects a pool's events.
type Diary struct {
	mu     sync.Mutex
	events []rekey.Event
}

// Write takes an event.
func (d *Diary) Write(e rekey.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// Find returns the events of one type, oldest first.
func Find[E rekey.Event](d *Diary) []E {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []E
	for _, e := range d.events {
		if e, ok := e.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// String is for the log of a test that fails.
func (d *Diary) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := ""
	for _, e := range d.events {
		out += fmt.Sprintf("%s %v\n", e.Name(), e.Attrs())
	}
	return out
}

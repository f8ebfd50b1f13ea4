package loadtest

import (
	"fmt"
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
)

// clock is how the logs of tests write when something was.
const clock = "15:04:05.000"

// Diary collects a pool's events.
type Diary struct {
	mu     sync.Mutex // guards the rest
	events []rekey.Event
	times  []time.Time
}

// Write takes an event.
func (d *Diary) Write(e rekey.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
	d.times = append(d.times, time.Now())
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
	for i, e := range d.events {
		out += fmt.Sprintf("%s %s %v\n", d.times[i].Format(clock), e.Name(), e.Attrs())
	}
	return out
}

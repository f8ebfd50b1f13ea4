package e2e_test

import (
	"sync"
	"time"

	"github.com/rekeyhq/rekey"
)

// puppet is a pool that says what it is told to, for what a real one does seldom or after hours.
type puppet struct {
	site    *site
	name    string
	observe func(rekey.Event)

	mu     sync.Mutex // guards status
	status rekey.Status
}

// puppet puts one on the page. It serves with its first generation.
func (s *site) puppet(name string) *puppet {
	s.t.Helper()
	p := &puppet{site: s, name: name, observe: s.page.Observe(name)}
	p.status = rekey.Status{State: rekey.StateServing, Breaker: rekey.BreakerClosed, Connections: 6}
	p.adopt(1)
	if err := s.page.Add(name, p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

func (p *puppet) Status() rekey.Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *puppet) set(change func(*rekey.Status)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(&p.status)
}

// adopt tells of a refresh that the source announced, and that brought a generation.
func (p *puppet) adopt(g uint64) {
	p.observe(rekey.FetchedEvent{Version: version(g), Changed: true})
	p.observe(rekey.AdoptedEvent{Generation: g, Version: version(g), Username: user(g)})
	p.observe(rekey.RefreshEndedEvent{Trigger: rekey.TriggerChanged, Outcome: rekey.OutcomeAdopted, Generation: g, Version: version(g)})
	p.set(func(s *rekey.Status) { s.Generation, s.Version, s.Username = g, version(g), user(g) })
}

// hand exchanges the connections for those of the next generation, but for so many.
func (p *puppet) hand(over uint64, held int) {
	before := p.Status()
	p.adopt(over)
	p.set(func(s *rekey.Status) {
		if held > 0 {
			s.Draining = append(s.Draining, rekey.GenerationStatus{Generation: before.Generation, Version: before.Version, Connections: held})
		}
	})
	if held == 0 {
		p.observe(rekey.DrainedEvent{Generation: before.Generation, Version: before.Version, Duration: 100 * time.Millisecond})
	}
}

// poll tells of a refresh that changed nothing.
func (p *puppet) poll() {
	p.observe(rekey.FetchedEvent{Version: p.Status().Version})
	p.observe(rekey.RefreshEndedEvent{Trigger: rekey.TriggerDue, Outcome: rekey.OutcomeUnchanged, Version: p.Status().Version})
}

func version(g uint64) string { return "lease/" + string(rune('0'+g)) }
func user(g uint64) string    { return "app_v" + string(rune('0'+g)) }

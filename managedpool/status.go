package managedpool

import (
	"time"

	"github.com/rekeyhq/rekey"
)

// Status returns a snapshot of the pool's credential. It costs little and waits for nothing.
func (p *Pool) Status() Status {
	v := p.engine.View()
	s := Status{
		State: v.State(), NextRefresh: v.NextRefresh, Failures: v.Failures, Breaker: v.Breaker,
	}
	if v.LastErr != nil {
		s.LastError = v.LastErr.Error()
	}
	if v.Closed {
		s.NextRefresh = time.Time{}
	}
	if g := v.Current; g != nil {
		s.Generation, s.Version, s.Username = g.ID, g.Credential.Version, g.Credential.Username
		s.IssuedAt, s.ExpiresAt = g.Credential.IssuedAt, g.Credential.ExpiresAt
		s.AdoptedAt, s.NotAfter, s.Alternate = g.AdoptedAt, g.NotAfter, g.Alternate
	}
	s.Connections = p.sessions.connections(s.Generation)
	for _, d := range p.sessions.draining() {
		s.Draining = append(s.Draining, rekey.GenerationStatus{
			Generation: d.generation.id(), Version: d.generation.credential.Version,
			NotAfter: d.generation.notAfter(), Connections: d.conns,
		})
	}
	return s
}

package managedpool

import "github.com/rekeyhq/rekey"

// Status returns a snapshot of the pool's credential. It costs little and waits for nothing.
func (p *Pool) Status() Status {
	s := p.engine.View().Status()
	s.Connections = p.sessions.connections(s.Generation)
	for _, d := range p.sessions.draining() {
		s.Draining = append(s.Draining, rekey.GenerationStatus{
			Generation: d.generation.id(), Version: d.generation.credential.Version,
			NotAfter: d.generation.notAfter(), Connections: d.conns,
		})
	}
	return s
}

package managedpool

import "github.com/rekeyhq/rekey"

// Status returns a snapshot of the pool's credential. It costs little and waits for nothing.
func (p *Pool) Status() Status {
	s := p.engine.View().Status()
	s.Connections = p.sessions.connections(s.Generation)
	s.Usable = p.usable()
	for _, d := range p.sessions.draining() {
		s.Draining = append(s.Draining, rekey.GenerationStatus{
			Generation: d.Generation.ID(), Version: d.Generation.credential.Version,
			NotAfter: d.Generation.NotAfter(), Connections: d.Conns,
		})
	}
	return s
}

// usable counts the connections that callers can be given. pgxpool tells how many were hijacked, and not which: where some
// are of no use, and hijacked ones are among those, this is too little.
func (p *Pool) usable() int {
	usable, all := p.sessions.usable()
	t := p.totals()
	hijacked := max(0, all-(t.all-t.constructing))
	return max(0, usable-hijacked)
}

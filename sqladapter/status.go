package sqladapter

import "github.com/rekeyhq/rekey"

// status is what the engine says, with what the adapter knows of superseded generations.
func (a *adapter) status() rekey.Status {
	s := a.engine.View().Status()
	s.Connections = a.sessions.connections(s.Generation)
	s.Usable = a.sessions.usable()
	for _, d := range a.sessions.draining() {
		s.Draining = append(s.Draining, rekey.GenerationStatus{
			Generation: d.Generation.ID(), Version: d.Generation.credential.Version,
			NotAfter: d.Generation.NotAfter(), Connections: d.Conns,
		})
	}
	return s
}

package sqladapter

import "sync/atomic"

// permit lets one connection that comes home go. One goroutine gives it, waits on used, and takes it back; any may use it.
type permit struct {
	given atomic.Bool
	used  chan *Session // by whom; it has room for one
}

func newPermit() *permit { return &permit{used: make(chan *Session, 1)} }

func (p *permit) give() { p.given.Store(true) }

// use reports whether s may go.
func (p *permit) use(s *Session) bool {
	if !p.given.CompareAndSwap(true, false) {
		return false
	}
	p.used <- s // there is room: it is given once for each that is taken out
	return true
}

// takeBack ends the permit, and returns the session that has used it; nil if none has.
func (p *permit) takeBack() *Session {
	if p.given.CompareAndSwap(true, false) {
		return nil
	}
	return <-p.used
}

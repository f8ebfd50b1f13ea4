package probe

import "sync"

// Notes is what probes remember of one login: what a login could do when it was checked itself may be asked for when
// another one is to take its place. Whoever uses a credential keeps its Notes with it. The zero Notes is ready for use, it is
// safe for concurrent use, and a nil *Notes remembers nothing.
type Notes struct{ kept sync.Map }

// Keep remembers value under key, whose type should be one of the probe's own, as with context.WithValue.
func (n *Notes) Keep(key, value any) {
	if n != nil {
		n.kept.Store(key, value)
	}
}

// Kept returns what was kept under key.
func (n *Notes) Kept(key any) (value any, ok bool) {
	if n == nil {
		return nil, false
	}
	return n.kept.Load(key)
}

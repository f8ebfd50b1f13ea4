package managedpool

import "fmt"

// Format writes what and in which state the pool is, for every verb: its insides change while they are read, and
// hold passwords.
func (p *Pool) Format(f fmt.State, _ rune) {
	if p == nil || p.engine == nil {
		fmt.Fprint(f, "managedpool.Pool{}")
		return
	}
	s := p.Status()
	fmt.Fprintf(f, "managedpool.Pool{state: %s, generation: %d, username: %q}", s.State, s.Generation, s.Username)
}

package awssm

import "fmt"

// Format writes which secret it is, for every verb: the Source's insides change while they are read, and hold the secret.
func (s *Source) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "awssm.Source{secret: %s}", s.id) }

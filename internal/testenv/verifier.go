package testenv

// ScramVerifier returns what may be written instead of a password where a role is made: it says nothing that can log
// in. password must be ASCII.
func ScramVerifier(password string) (string, error) { return scramVerifier(password) }

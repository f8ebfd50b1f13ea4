package vault

import "fmt"

// Format writes where the login is, for every verb: its insides change while they are read, and hold tokens.
func (l *Login) Format(f fmt.State, _ rune) {
	if l == nil {
		fmt.Fprint(f, "vault.Login{}")
		return
	}
	fmt.Fprintf(f, "vault.Login{address: %s}", l.address)
}

// Format writes what the source reads, for every verb.
func (d *Dynamic) Format(f fmt.State, _ rune) { d.login.describe(f, "Dynamic", d.path) }

// Format writes what the source reads, for every verb.
func (s *Static) Format(f fmt.State, _ rune) { s.login.describe(f, "Static", s.path) }

// Format writes what the source reads, for every verb.
func (k *KV) Format(f fmt.State, _ rune) { k.login.describe(f, "KV", k.path) }

func (l *Login) describe(f fmt.State, kind, path string) {
	fmt.Fprintf(f, "vault.%s{path: %s, login: %v}", kind, path, l)
}

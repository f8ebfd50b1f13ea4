package refresh

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/source"
)

func TestFingerprint(t *testing.T) {
	f := newFingerprint()
	base := source.Credential{Username: "user", Password: source.NewSecret("password"), Host: "host", Port: 1, Database: "db"}
	first := f.of(base)
	if first != f.of(base) {
		t.Error("the same credential has two fingerprints")
	}
	if newFingerprint().of(base) == first {
		t.Error("fingerprints of two processes are equal: a log would tell who shares a password")
	}
	if strings.Contains(first, "password") || len(first) != 16 {
		t.Errorf("fingerprint %q", first)
	}
	changes := map[string]func(c *source.Credential){
		"username":                    func(c *source.Credential) { c.Username = "other" },
		"password":                    func(c *source.Credential) { c.Password = source.NewSecret("other") },
		"host":                        func(c *source.Credential) { c.Host = "other" },
		"port":                        func(c *source.Credential) { c.Port = 2 },
		"database":                    func(c *source.Credential) { c.Database = "other" },
		"where a field ends":          func(c *source.Credential) { c.Username, c.Password = "userpass", source.NewSecret("word") },
		"where the endpoint begins":   func(c *source.Credential) { c.Host, c.Database = "", "hostdb" },
		"a password in another field": func(c *source.Credential) { c.Username, c.Password = "password", source.NewSecret("user") },
	}
	for name, change := range changes {
		c := base
		change(&c)
		if f.of(c) == first {
			t.Errorf("%s changes nothing", name)
		}
	}
	// Times are no part of a login.
	c := base
	c.IssuedAt, c.ExpiresAt, c.Version = epoch, epoch, "x"
	if f.of(c) != first {
		t.Error("the fingerprint depends on more than the login")
	}
}

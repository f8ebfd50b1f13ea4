package fields

import (
	"strings"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/source"
)

// Problem is an error text of this package's own, or its caller's: it quotes nothing that was read.
type Problem string

func (p Problem) Error() string { return string(p) }

// Build makes a credential of the values found. A missing or empty username or password is a problem, because
// content that was cut looks like that.
func Build(names Names, value map[string]string) (source.Credential, error) {
	for _, name := range []string{names.Username, names.Password} {
		if value[name] == "" {
			return source.Credential{}, Problem(name + " is missing or empty")
		}
	}
	port, ok := parsePort(value[names.Port])
	if !ok {
		return source.Credential{}, Problem(names.Port + " is not a port number")
	}
	return source.Credential{
		Username: value[names.Username],
		Password: source.NewSecret(value[names.Password]),
		Host:     value[names.Host],
		Port:     port,
		Database: value[names.Database],
	}, nil
}

// parsePort reads a port without strconv, whose errors quote their input. Empty is 0.
func parsePort(s string) (port uint16, ok bool) {
	n := 0
	for _, r := range s {
		if r < '0' || r > '9' || len(s) > 5 {
			return 0, false
		}
		n = n*10 + int(r-'0')
	}
	return uint16(n), n <= 65535 && (n > 0 || s == "")
}

// Check refuses what no login can be made of. A NUL is what a file shows that was cut while somebody wrote on
// at the old place, and ends a string in the protocols of databases.
func Check(c source.Credential) error {
	for _, f := range []struct{ name, value string }{
		{"username", c.Username},
		{"password", c.Password.Reveal()},
		{"host", c.Host},
		{"database", c.Database},
	} {
		if strings.ContainsRune(f.value, 0) {
			return Problem("the " + f.name + " holds a NUL byte")
		}
		if !utf8.ValidString(f.value) {
			return Problem("the " + f.name + " is not UTF-8")
		}
	}
	if c.Username == "" {
		return Problem("there is no username")
	}
	return nil
}

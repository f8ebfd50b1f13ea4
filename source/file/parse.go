package file

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/rekeyhq/rekey/source"
)

// ParseFunc makes a credential of a file's content. It must be safe for concurrent use and must not keep data.
//
// Version is set by the [Source] whatever the function puts there. Times are the function's if it sets them.
// The text of an error is dropped, because it may quote the content; whether it is source.Permanent is kept.
type ParseFunc func(data []byte) (source.Credential, error)

// Auto reads content that begins with a brace as JSON does with default names, any other as Env does.
func Auto(data []byte) (source.Credential, error) {
	if looksLikeJSON(data) {
		return parseJSON(data, plainNames)
	}
	return parseEnv(data, envNames)
}

// JSON returns a function that reads a JSON object. The names default to username, password, host, port and
// dbname and are matched exactly. Members are strings, a port may be a number as well; others are ignored.
func JSON(names Names) ParseFunc {
	names = names.or(plainNames)
	return func(data []byte) (source.Credential, error) { return parseJSON(data, names) }
}

// Env returns a function that reads environment variables, as PGUSER=app. The names default to PGUSER,
// PGPASSWORD, PGHOST, PGPORT and PGDATABASE.
//
// A line holds one assignment or several, as a shell reads them: a leading export, comments that begin with #,
// single quotes (all is literal), double quotes and backslashes. Nothing is expanded: a dollar sign is one.
// Lines end with LF or CRLF; a value cannot span lines. The last assignment to a name wins.
func Env(names Names) ParseFunc {
	names = names.or(envNames)
	return func(data []byte) (source.Credential, error) { return parseEnv(data, names) }
}

// problem is an error text of this package's own: it quotes nothing that was read.
type problem string

func (p problem) Error() string { return string(p) }

// build makes a credential of the values found. A missing or empty username or password is a problem, because
// a file that was cut looks like that.
func build(names Names, value map[string]string) (source.Credential, error) {
	for _, name := range []string{names.Username, names.Password} {
		if value[name] == "" {
			return source.Credential{}, problem(name + " is missing or empty")
		}
	}
	port, ok := parsePort(value[names.Port])
	if !ok {
		return source.Credential{}, problem(names.Port + " is not a port number")
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

// check refuses what no login can be made of. A NUL is what a file shows that was cut while somebody wrote on
// at the old place, and ends a string in the protocols of databases.
func check(c source.Credential) error {
	for _, f := range []struct{ name, value string }{
		{"username", c.Username},
		{"password", c.Password.Reveal()},
		{"host", c.Host},
		{"database", c.Database},
	} {
		if strings.ContainsRune(f.value, 0) {
			return problem("the " + f.name + " holds a NUL byte")
		}
		if !utf8.ValidString(f.value) {
			return problem("the " + f.name + " is not UTF-8")
		}
	}
	if c.Username == "" {
		return problem("there is no username")
	}
	return nil
}

// withoutText keeps of a caller's error only what cannot quote the file.
func withoutText(err error) error {
	clean := problem("Options.Parse refused the content")
	_ = errors.As(err, &clean) // ours, wrapped by the caller's function
	if source.IsPermanent(err) {
		return source.Permanent(clean)
	}
	return clean
}

func looksLikeJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(trimBOM(data), " \t\r\n"), []byte("{"))
}

func trimBOM(data []byte) []byte { return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) }

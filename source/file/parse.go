package file

import (
	"bytes"
	"errors"

	"github.com/rekeyhq/rekey/internal/fields"
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
		return fields.JSON(data, fields.Plain)
	}
	return parseEnv(data, fields.Libpq)
}

// JSON returns a function that reads a JSON object. The names default to username, password, host, port and
// dbname and are matched exactly. Members are strings, a port may be a number as well; others are ignored.
func JSON(names Names) ParseFunc {
	names = names.Or(fields.Plain)
	return func(data []byte) (source.Credential, error) { return fields.JSON(data, names) }
}

// Env returns a function that reads environment variables, as PGUSER=app. The names default to PGUSER,
// PGPASSWORD, PGHOST, PGPORT and PGDATABASE.
//
// A line holds one assignment or several, as a shell reads them: a leading export, comments that begin with #,
// single quotes (all is literal), double quotes and backslashes. Nothing is expanded: a dollar sign is one.
// Lines end with LF or CRLF; a value cannot span lines. The last assignment to a name wins.
func Env(names Names) ParseFunc {
	names = names.Or(fields.Libpq)
	return func(data []byte) (source.Credential, error) { return parseEnv(data, names) }
}

// withoutText keeps of a caller's error only what cannot quote the file.
func withoutText(err error) error {
	clean := fields.Problem("Options.Parse refused the content")
	_ = errors.As(err, &clean) // ours, wrapped by the caller's function
	if source.IsPermanent(err) {
		return source.Permanent(clean)
	}
	return clean
}

func looksLikeJSON(data []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(fields.TrimBOM(data), " \t\r\n"), []byte("{"))
}

package managedpool

import (
	"errors"
	"regexp"
)

// knownComplaint matches those parts of a parse error that cannot hold anything of the connection string.
var knownComplaint = regexp.MustCompile("`: ((?:cannot parse|invalid|failed to (?:parse|configure|read)|pool_\\w+) ?[a-z_ /]*)")

// connStringError says what is wrong with a connection string without repeating any of it: pgx's own error
// holds the string, and its text may show a password that it does not recognise as one.
func connStringError(err error) error {
	const advice = "parse it with ParseConfig to see pgx's own error, which may show the password"
	if m := knownComplaint.FindStringSubmatch(err.Error()); m != nil {
		return errors.New("managedpool: connString: " + m[1] + " (" + advice + ")")
	}
	return errors.New("managedpool: connString is malformed (" + advice + ")")
}

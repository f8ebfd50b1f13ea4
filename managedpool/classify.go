package managedpool

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/trust/pgtrust"
)

// SQLSTATE codes that a pool acts on.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const (
	invalidPassword       = "28P01"
	invalidAuthorization  = "28000"
	insufficientPrivilege = "42501"
	undefinedDatabase     = "3D000"
	undefinedObject       = "42704"
	undefinedTable        = "42P01"
	undefinedFunction     = "42883"
	undefinedSchema       = "3F000"
	tooManyConnections    = "53300"
	adminShutdown         = "57P01"
)

// sqlState returns the code of the server's answer in err, empty if there is none. Of several, for a configuration
// with several hosts, a refused password says most.
func sqlState(err error) string {
	var first string
	for _, pgErr := range pgErrors(err) {
		if pgErr.Code == invalidPassword {
			return pgErr.Code
		}
		if first == "" {
			first = pgErr.Code
		}
	}
	return first
}

// pgErrors returns every answer of a server that err wraps.
func pgErrors(err error) []*pgconn.PgError {
	if err == nil {
		return nil
	}
	if pgErr, ok := err.(*pgconn.PgError); ok {
		return []*pgconn.PgError{pgErr}
	}
	switch wrapper := err.(type) {
	case interface{ Unwrap() error }:
		return pgErrors(wrapper.Unwrap())
	case interface{ Unwrap() []error }:
		var out []*pgconn.PgError
		for _, e := range wrapper.Unwrap() {
			out = append(out, pgErrors(e)...)
		}
		return out
	}
	return nil
}

// loginError says what a failed login means for the credential it was made with. It keeps the causes of a
// pgconn.ConnectError and leaves out the configuration, which holds the password.
func loginError(version string, err error) *rekey.VerifyError {
	out := &rekey.VerifyError{Version: version, SQLState: sqlState(err), Err: withoutConfig(err)}
	if pgtrust.NeedsScram(err) {
		out.Class = rekey.VerifyForbidden
		out.Err = pgtrust.Explain(out.Err)
	}
	switch out.SQLState {
	case invalidPassword:
		out.Class = rekey.VerifyRefused
	case invalidAuthorization, insufficientPrivilege, undefinedDatabase:
		out.Class = rekey.VerifyForbidden
	}
	return out
}

// withoutConfig returns what a pgconn.ConnectError wraps.
func withoutConfig(err error) error {
	for {
		var connectErr *pgconn.ConnectError
		if !errors.As(err, &connectErr) || connectErr.Unwrap() == nil {
			return err
		}
		err = connectErr.Unwrap()
	}
}

// distrusts reports whether a refused login of the credential in use is a reason to ask the source: the
// password is wrong, or the role may not log in. A database that is gone or full is not the credential's.
func distrusts(state string) bool {
	return state == invalidPassword || state == invalidAuthorization
}

// mayMeanRevoked reports whether a role that has lost everything causes the error. An ordinary missing grant
// or a misspelt name cause it as well. A schema without USAGE drops out of the search path, so a table in it
// is not forbidden but not found.
func mayMeanRevoked(state string) bool {
	switch state {
	case insufficientPrivilege, undefinedObject, undefinedTable, undefinedFunction, undefinedSchema:
		return true
	}
	return false
}

// withoutAddress returns what went wrong with the only address that was tried: the connect that asked for the
// session says the address once more.
func withoutAddress(err error) error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 1 {
		return err
	}
	if cause := errors.Unwrap(joined.Unwrap()[0]); cause != nil {
		return cause
	}
	return err
}

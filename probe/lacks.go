package probe

import "errors"

// Lacks reports whether err, from a probe, says that the login lacks something that the application needs. Such a
// login must not be adopted, and checking it again cannot help until somebody grants what is missing.
//
// For any other error the check could not be made: the connection broke, the time was over, a lock was not
// granted, the server was shutting down. That says nothing about the login; check it again, on a new connection.
//
// These lack something: a [MissingError]; an error marked by [Refuse]; and a server's answer with one of the
// SQLSTATEs 42501 (insufficient privilege), 42704, 42P01, 42883, 42703 and 3F000 (a role, type, table, function,
// column or schema that does not exist). The latter ones count because a schema that a login may not use, or that
// is not on its search_path, is passed over in silence: the table "does not exist".
func Lacks(err error) bool {
	var l interface {
		error
		Lacks() bool
	}
	if errors.As(err, &l) {
		return l.Lacks()
	}
	return lackingState(sqlState(err))
}

// Refuse marks err, from a caller's own probe, as one for which [Lacks] is true. Refuse(nil) is nil.
func Refuse(err error) error {
	if err == nil {
		return nil
	}
	return &refusedError{err: err}
}

// refusedError adds nothing to the text of the error it marks.
type refusedError struct{ err error }

func (e *refusedError) Error() string { return e.err.Error() }
func (e *refusedError) Unwrap() error { return e.err }
func (e *refusedError) Lacks() bool   { return true }

// lackingState reports whether a SQLSTATE says that the login lacks something.
func lackingState(code string) bool {
	switch code {
	case "42501", // insufficient_privilege
		"42704", // undefined_object: also a dropped role
		"42P01", // undefined_table
		"42883", // undefined_function
		"42703", // undefined_column: of another table of the same name
		"3F000": // invalid_schema_name
		return true
	}
	return false
}

// stateError is how the drivers' errors tell their SQLSTATE, without this package importing a driver.
type stateError interface {
	error
	SQLState() string
}

// sqlState returns the SQLSTATE of a server's answer, and the empty string if err is not one.
func sqlState(err error) string {
	var s stateError
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

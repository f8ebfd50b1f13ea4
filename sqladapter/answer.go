package sqladapter

import (
	"errors"
	"fmt"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/probe"
)

// Meaning is what a server's answer says about a login. The zero Meaning is nothing.
type Meaning int

const (
	// Nothing: the answer says nothing about the login.
	Nothing Meaning = iota
	// PasswordRefused, at a login: the account or its password is not right (any more). The source is asked.
	PasswordRefused
	// LoginForbidden, at a login: the account may not log in at all. The source is asked.
	LoginForbidden
	// AccessForbidden, at a login: the account may not use this database, or the database is gone. A new credential
	// is refused for it; for the one in use the source is not asked.
	AccessForbidden
	// Full, at a login: there is no room for one more session.
	Full
	// Killed: the session was ended by an operator or a shutdown. The idle ones are looked at.
	Killed
	// RoleSuspect: an account that has lost everything causes it, and so does an ordinary missing grant.
	//
	// PasswordRefused, LoginForbidden and AccessForbidden mean the same of a session that is logged in: a server may use one
	// code for both.
	RoleSuspect
)

// Answer is a server's answer, understood.
type Answer struct {
	Meaning Meaning
	// Code is the server's code for it, empty if it has none.
	Code string
	// Err is the error to show, where the driver's own holds a configuration; nil: the driver's own.
	Err error
}

// BySQLState understands errors with a method SQLState() string by PostgreSQL's codes.
func BySQLState(err error) Answer {
	var answer interface{ SQLState() string }
	if !errors.As(err, &answer) {
		return Answer{}
	}
	return Answer{Meaning: MeaningOfSQLState(answer.SQLState()), Code: answer.SQLState()}
}

// MeaningOfSQLState returns what one of PostgreSQL's codes means. As RoleSuspect it knows those that say "not found",
// too: a schema without USAGE drops out of the search path, so a table in it is not forbidden but not found. At a login
// those that mean RoleSuspect mean AccessForbidden.
func MeaningOfSQLState(code string) Meaning {
	switch code {
	case "28P01":
		return PasswordRefused
	case "28000":
		return LoginForbidden
	case "3D000":
		return AccessForbidden
	case "53300":
		return Full
	case "57P01":
		return Killed
	case "42501", "42704", "42P01", "42883", "3F000":
		return RoleSuspect
	}
	return Nothing
}

// loginError says what a failed login means for the credential it was made with.
func (a Answer) loginError(version string) *rekey.VerifyError {
	out := &rekey.VerifyError{Version: version, SQLState: a.Code, Err: a.Err}
	switch a.Meaning {
	case PasswordRefused:
		out.Class = rekey.VerifyRefused
	case LoginForbidden, AccessForbidden, RoleSuspect:
		out.Class = rekey.VerifyForbidden
	}
	return out
}

// lackingError says what a failed check means for the credential.
func (a Answer) lackingError(version string, err error) *rekey.VerifyError {
	out := &rekey.VerifyError{Version: version, SQLState: a.Code, Err: fmt.Errorf("sqladapter: verification: %w", a.Err)}
	if probe.Lacks(err) || a.suspects() {
		out.Class = rekey.VerifyLacking
	}
	return out
}

// distrusts reports whether a refused login of the credential in use is a reason to ask the source.
func (a Answer) distrusts() bool { return a.Meaning == PasswordRefused || a.Meaning == LoginForbidden }

// suspects reports whether the answer, on a session that is logged in, may mean that its account has lost everything.
func (a Answer) suspects() bool {
	return a.distrusts() || a.Meaning == AccessForbidden || a.Meaning == RoleSuspect
}

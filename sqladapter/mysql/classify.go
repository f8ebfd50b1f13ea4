package mysql

import (
	"errors"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/sqladapter"
)

// Numbers of errors that an adapter acts on.
// https://mariadb.com/kb/en/mariadb-error-code-reference/
// https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
const (
	tooManyConnections     = 1040
	databaseAccessDenied   = 1044
	accessDenied           = 1045
	unknownDatabase        = 1049
	serverShutdown         = 1053
	hostNotAllowed         = 1130
	nonexistingGrant       = 1141
	tableAccessDenied      = 1142
	columnAccessDenied     = 1143
	tooManyUserConnections = 1203
	userLimitReached       = 1226
	specificAccessDenied   = 1227
	routineAccessDenied    = 1370
	accessDeniedWithout    = 1698 // without a password
	mustChangePassword     = 1820
	passwordExpired        = 1862
	connectionKilled       = 1927
	accountLockedMySQL     = 3118
	passwordLocked         = 3955
	tooManyWrongPasswords  = 4150
	accountLocked          = 4151
)

// sessionsLimit is what an account has reached too many of, where userLimitReached means that there is no room: its other
// limits are by the hour.
const sessionsLimit = "'max_user_connections'"

// Classify understands the errors of MySQL and MariaDB by their numbers.
func Classify(err error) sqladapter.Answer {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return sqladapter.Answer{}
	}
	return sqladapter.Answer{Meaning: meaning(answer), Code: strconv.Itoa(int(answer.Number))}
}

// meaning says nothing of what is not listed. Among that is 1129, a host that is blocked because its connections broke off:
// it would be wrong to give a connection up for that.
func meaning(answer *mysql.MySQLError) sqladapter.Meaning {
	switch answer.Number {
	case accessDenied, accessDeniedWithout, passwordExpired:
		return sqladapter.PasswordRefused
	case accountLocked, accountLockedMySQL, tooManyWrongPasswords, passwordLocked, mustChangePassword, hostNotAllowed:
		return sqladapter.LoginForbidden
	case databaseAccessDenied, unknownDatabase:
		return sqladapter.AccessForbidden
	case tooManyConnections, tooManyUserConnections:
		return sqladapter.Full
	case userLimitReached:
		if strings.Contains(answer.Message, sessionsLimit) {
			return sqladapter.Full
		}
	case serverShutdown, connectionKilled:
		return sqladapter.Killed
	case tableAccessDenied, columnAccessDenied, specificAccessDenied, routineAccessDenied, nonexistingGrant:
		return sqladapter.RoleSuspect
	}
	return sqladapter.Nothing
}

// number returns that of the server's answer in err, 0 if there is none.
func number(err error) uint16 {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number
	}
	return 0
}

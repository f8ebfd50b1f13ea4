// Package mysql is the driver of package sqladapter for github.com/go-sql-driver/mysql, with MySQL and MariaDB.
package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// New returns the driver for connections to what config says, such as mysql.ParseDSN makes of a connection string. config
// is copied; a user or password in it is not used. Connections that sql.Conn.Raw gives unwrap to the driver's own by
// sqladapter.Conn.
//
// A new login is verified by [Grants]. An account that is gone is found by SHOW GRANTS, after a statement has failed for
// want of a privilege; where rights come from the database as a whole or from a role, statements go on working after the
// account was dropped, and nothing tells.
func New(config *mysql.Config) sqladapter.Driver {
	config = config.Clone()
	return sqladapter.Driver{
		Connector: func(c source.Credential) (driver.Connector, error) { return connector(config, c) },
		Classify:  Classify,
		Probe:     Grants{},
		RoleGone:  roleGone,
	}
}

// connector makes connections with c's login.
func connector(config *mysql.Config, c source.Credential) (driver.Connector, error) {
	config = config.Clone()
	config.User, config.Passwd = c.Username, c.Password.Reveal()
	redirect(config, c)
	config.DialFunc = sqladapter.Counted(config.DialFunc)
	return mysql.NewConnector(config)
}

// Numbers of errors that an adapter acts on.
// https://mariadb.com/kb/en/mariadb-error-code-reference/
const (
	tooManyConnections     = 1040
	databaseAccessDenied   = 1044
	accessDenied           = 1045
	unknownDatabase        = 1049
	serverShutdown         = 1053
	nonexistingGrant       = 1141
	tableAccessDenied      = 1142
	columnAccessDenied     = 1143
	tooManyUserConnections = 1203
	userLimitReached       = 1226
	specificAccessDenied   = 1227
	routineAccessDenied    = 1370
	mustChangePassword     = 1820
	passwordExpired        = 1862
	connectionKilled       = 1927
	accountLockedMySQL     = 3118
	tooManyWrongPasswords  = 4150
	accountLocked          = 4151
)

// Classify understands the errors of MySQL and MariaDB by their numbers.
func Classify(err error) sqladapter.Answer {
	var answer *mysql.MySQLError
	if !errors.As(err, &answer) {
		return sqladapter.Answer{}
	}
	return sqladapter.Answer{Meaning: meaning(answer.Number), Code: strconv.Itoa(int(answer.Number))}
}

func meaning(number uint16) sqladapter.Meaning {
	switch number {
	case accessDenied, passwordExpired:
		return sqladapter.PasswordRefused
	case accountLocked, accountLockedMySQL, tooManyWrongPasswords, mustChangePassword:
		return sqladapter.LoginForbidden
	case databaseAccessDenied, unknownDatabase:
		return sqladapter.AccessForbidden
	case tooManyConnections, tooManyUserConnections, userLimitReached:
		return sqladapter.Full
	case serverShutdown, connectionKilled:
		return sqladapter.Killed
	case tableAccessDenied, columnAccessDenied, specificAccessDenied, routineAccessDenied, nonexistingGrant:
		return sqladapter.RoleSuspect
	}
	return sqladapter.Nothing
}

// roleGone asks for the grants of the session's account, which only an account has that exists.
func roleGone(ctx context.Context, conn driver.Conn) (bool, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "SHOW GRANTS", nil)
	if err == nil {
		err = drain(rows) // MariaDB sends the columns first, and then the error
	}
	return number(err) == nonexistingGrant, err
}

// drain reads what there is, for the error at its end.
func drain(rows driver.Rows) error {
	row := make([]driver.Value, len(rows.Columns()))
	var err error
	for err == nil {
		err = rows.Next(row)
	}
	if err == io.EOF {
		err = nil
	}
	return errors.Join(err, rows.Close())
}

func number(err error) uint16 {
	var answer *mysql.MySQLError
	if errors.As(err, &answer) {
		return answer.Number
	}
	return 0
}

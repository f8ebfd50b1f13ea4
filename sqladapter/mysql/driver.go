// Package mysql is the driver of package sqladapter for github.com/go-sql-driver/mysql, with MySQL and MariaDB.
package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/go-sql-driver/mysql"

	"github.com/rekeyhq/rekey/internal/trust"
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
//
// The driver gives the password, in a form that can be read, to a server that asks for it by caching_sha2_password or
// sha256_password. Where config permits a server that is not verified, or methods that give more away, there is a warning.
//
// For a statement whose context has ended the driver does no more than close its socket, and so does the adapter for a
// connection whose time is over: the server goes on with the statement, in a session beside the budget, until it writes to
// that socket or the statement's own limit ends it (max_statement_time of MariaDB, max_execution_time of MySQL).
func New(config *mysql.Config) sqladapter.Driver {
	config = config.Clone()
	return sqladapter.Driver{
		Connector: func(c source.Credential) (driver.Connector, error) { return connector(config, c) },
		Classify:  Classify,
		Probe:     Grants{},
		RoleGone:  roleGone,
		Warnings:  warnings(config),
	}
}

// connector makes connections with c's login.
func connector(config *mysql.Config, c source.Credential) (driver.Connector, error) {
	config = config.Clone()
	config.User, config.Passwd = c.Username, c.Password.Reveal()
	if config.Net == "unix" && (c.Host != "" || c.Port != 0) {
		return nil, source.Permanent(trust.NotFromSocket(c.Host, c.Port, c.Database))
	}
	redirect(config, c)
	if config.DialFunc == nil && config.Net != "tcp" && config.Net != "unix" {
		return nil, source.Permanent(fmt.Errorf(
			"mysql: Config.Net %q is none of the driver's own: give its dial function as Config.DialFunc, with Net \"tcp\"", config.Net))
	}
	config.DialFunc = sqladapter.Counted(config.DialFunc)
	return mysql.NewConnector(config)
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

package sqladapter

import (
	"context"
	"database/sql/driver"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
)

// Driver is how an adapter uses a driver of database/sql. The packages pgxstdlib, libpq and mysql make one, and [DSN]; for any
// other driver fill in Connector, and as much of the rest as there is. Its functions must be safe for concurrent use.
type Driver struct {
	// Connector returns what makes connections that log in with c. It is called once for each credential that is
	// to be verified, connects nothing by itself, and must not keep c's password anywhere else. An error wrapped by
	// source.Permanent speaks against the credential; another one is tried again. Required.
	//
	// Let its dial function be one of [Counted], if the driver has such a thing: the adapter then sees the sessions'
	// sockets, counts them to their very end, and can close those whose time is over while they are in use.
	Connector func(c source.Credential) (driver.Connector, error)

	// Classify says what a server's answer means. Defaults to [BySQLState], for errors with a method
	// SQLState() string and PostgreSQL's codes.
	Classify func(err error) Answer

	// Probe is the default of Config.Probe. Defaults to probe.Ping.
	Probe probe.Probe

	// ProbeConn makes what a probe asks of a connection, where there is a shorter way than through database/sql.
	// Defaults to none.
	ProbeConn func(conn driver.Conn) probe.Conn

	// RoleGone asks, on a connection that is at nobody's disposal, whether the account of its session has ceased to
	// exist. It is called after errors that mean RoleSuspect, and bounded by ctx. Defaults to none: then only
	// refused logins tell.
	RoleGone func(ctx context.Context, conn driver.Conn) (gone bool, err error)

	// Clean leaves a session as a fresh one is, after a verification. Defaults to none: the session on which a
	// credential was verified is then closed, and another one made for the callers.
	Clean func(ctx context.Context, conn driver.Conn) error

	// Cancel asks the server to end what a connection is doing; it is called while the connection is in use. Defaults
	// to none: the socket is closed, and a server that is busy may notice later.
	Cancel func(ctx context.Context, conn driver.Conn) error

	// SessionOf returns the session that the driver's connector has found in its context (see [SessionFrom]) and kept
	// with the connection. With it, database/sql gets the driver's own connections instead of wrapped ones; the
	// driver must then call Session.Reused in ResetSession, and Session.Failed for errors of the server, and dial
	// with [Counted]. Defaults to none.
	SessionOf func(conn driver.Conn) *Session

	// Warnings are told as events when a DB begins: what will hurt some day in the configuration that the driver was
	// made of. Defaults to none.
	Warnings []rekey.WarningEvent
}

// native reports whether database/sql gets the driver's own connections.
func (d *Driver) native() bool { return d.SessionOf != nil }

// classify is Classify for any error, nil included.
func (d *Driver) classify(err error) Answer {
	if err == nil {
		return Answer{}
	}
	a := d.Classify(err)
	if a.Err == nil {
		a.Err = err
	}
	return a
}

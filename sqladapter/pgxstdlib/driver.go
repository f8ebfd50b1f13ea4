package pgxstdlib

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// sessionKey is where a connection's session is kept in its CustomData.
const sessionKey = "github.com/rekeyhq/rekey/sqladapter"

// pingAfter is how long a connection may be idle before it is pinged; it is pgx's.
const pingAfter = time.Second

// New returns the driver of package sqladapter for pgx: database/sql gets pgx's own *stdlib.Conn. config must come from
// pgx.ParseConfig and is copied; a user or password in it is not used. Its hooks run as ever; OnPgError is called after
// the adapter has looked at the error.
func New(config *pgx.ConnConfig) sqladapter.Driver {
	config = config.Copy()
	return sqladapter.Driver{
		Connector: func(c source.Credential) (driver.Connector, error) { return connector(config, c), nil },
		Classify:  classify,
		Probe:     probe.Parity{},
		RoleGone:  roleGone,
		Clean:     clean,
		Cancel:    cancel,
		SessionOf: sessionOf,
	}
}

// connector makes connections with c's login.
func connector(config *pgx.ConnConfig, c source.Credential) driver.Connector {
	config = config.Copy()
	config.User, config.Password = c.Username, c.Password.Reveal()
	config.DialFunc = sqladapter.Counted(config.DialFunc)
	if c.Host != "" || c.Port != 0 || c.Database != "" {
		redirect(config, c)
	}
	return stdlib.GetConnector(*config,
		stdlib.OptionBeforeConnect(beforeConnect), stdlib.OptionAfterConnect(afterConnect),
		stdlib.OptionResetSession(resetSession), stdlib.OptionShouldPing(shouldPing))
}

// redirect points config at the credential's endpoint, which its owner has allowed. Other hosts belong to the configured
// one, and are dropped.
func redirect(config *pgx.ConnConfig, c source.Credential) {
	if c.Host != "" && c.Host != config.Host {
		if config.TLSConfig != nil && config.TLSConfig.ServerName != "" {
			config.TLSConfig = config.TLSConfig.Clone()
			config.TLSConfig.ServerName = c.Host
		}
		config.Host = c.Host
	}
	if c.Port != 0 {
		config.Port = c.Port
	}
	if c.Database != "" {
		config.Database = c.Database
	}
	config.Fallbacks = nil
}

func beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	s, next := sqladapter.SessionFrom(ctx), config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, err *pgconn.PgError) bool {
		s.Failed(err)
		if next == nil {
			return !strings.EqualFold(err.Severity, "FATAL")
		}
		return next(conn, err)
	}
	return nil
}

func afterConnect(ctx context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[sessionKey] = sqladapter.SessionFrom(ctx)
	return nil
}

func resetSession(ctx context.Context, conn *pgx.Conn) error {
	s, _ := conn.PgConn().CustomData()[sessionKey].(*sqladapter.Session)
	return s.Reused(ctx)
}

// shouldPing is pgx's own rule, for callers.
func shouldPing(ctx context.Context, params stdlib.ShouldPingParams) bool {
	return params.IdleDuration > pingAfter && !sqladapter.Errand(ctx)
}

// pgxConn returns pgx's connection beneath one of database/sql's; nil if there is none.
func pgxConn(conn driver.Conn) *pgx.Conn {
	if c, ok := conn.(*stdlib.Conn); ok {
		return c.Conn()
	}
	return nil
}

func sessionOf(conn driver.Conn) *sqladapter.Session {
	c := pgxConn(conn)
	if c == nil {
		return nil
	}
	s, _ := c.PgConn().CustomData()[sessionKey].(*sqladapter.Session)
	return s
}

// classify leaves the configuration out, which holds the password.
func classify(err error) sqladapter.Answer {
	a := sqladapter.BySQLState(err)
	a.Err = withoutConfig(err)
	return a
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

// undefinedObject is what a session whose role is gone gets for its own name.
const undefinedObject = "42704"

// roleGone asks for the role of the session, not for one that the application has set.
func roleGone(ctx context.Context, conn driver.Conn) (bool, error) {
	c := pgxConn(conn)
	if c == nil || c.IsClosed() || c.PgConn().IsBusy() || c.PgConn().TxStatus() != 'I' {
		return false, nil
	}
	_, err := c.PgConn().Exec(ctx, "select session_user").ReadAll()
	return sqladapter.BySQLState(err).Code == undefinedObject, err
}

// clean takes the statements back that pgx has prepared, too.
func clean(ctx context.Context, conn driver.Conn) error {
	c := pgxConn(conn)
	if err := c.DeallocateAll(ctx); err != nil {
		return err
	}
	_, err := c.PgConn().Exec(ctx, "discard all").ReadAll()
	return err
}

func cancel(ctx context.Context, conn driver.Conn) error {
	return pgxConn(conn).PgConn().CancelRequest(ctx)
}

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

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/pgendpoint"
	"github.com/rekeyhq/rekey/internal/trust"
	"github.com/rekeyhq/rekey/internal/trust/pgtrust"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// sessionKey is where a connection's session is kept in its CustomData.
const sessionKey = "github.com/rekeyhq/rekey/sqladapter"

// pingAfter is how long a connection may be idle before it is pinged; it is pgx's.
const pingAfter = time.Second

// Options are hooks of the application's; they do what those of package stdlib with the same names do. The zero value, and
// a nil *Options, mean none.
type Options struct {
	// BeforeConnect may change config before each login, the one of a verification included. The adapter's login
	// has been set, and wins.
	BeforeConnect func(ctx context.Context, config *pgx.ConnConfig) error

	// AfterConnect sets a connection up, also one on which a credential is verified: a login on which it fails is of no
	// use.
	AfterConnect func(ctx context.Context, conn *pgx.Conn) error

	// ResetSession runs before a connection is used once more by a caller.
	ResetSession func(ctx context.Context, conn *pgx.Conn) error

	// ShouldPing decides whether a connection is pinged before it is used once more by a caller. Defaults to those that
	// were idle for more than a second.
	ShouldPing func(ctx context.Context, params stdlib.ShouldPingParams) bool
}

// New returns the driver of package sqladapter for pgx: database/sql gets pgx's own *stdlib.Conn. config must come from
// pgx.ParseConfig and is copied; a user or password in it is not used. Its hooks run as ever; OnPgError is called after
// the adapter has looked at the error. nil opts means no hooks.
//
// Where config permits a server that is not verified, and requires nothing itself, require_auth=scram-sha-256 is set and a
// warning given.
func New(config *pgx.ConnConfig, opts *Options) sqladapter.Driver {
	d := dialect{config: config.Copy()}
	if opts != nil {
		d.Options = *opts
	}
	return sqladapter.Driver{
		Connector: d.connector,
		Classify:  classify,
		Probe:     probe.Parity{},
		ProbeConn: func(conn driver.Conn) probe.Conn { return pgxprobe.Conn(pgxConn(conn)) },
		RoleGone:  roleGone,
		Clean:     d.clean,
		Cancel:    cancel,
		SessionOf: sessionOf,
		Warnings:  warnings(&config.Config),
	}
}

// warnings says that the server is not asked to prove who it is.
func warnings(config *pgconn.Config) []rekey.WarningEvent {
	if !pgtrust.Warns(config) {
		return nil
	}
	return []rekey.WarningEvent{{Field: pgtrust.WarningField, Message: pgtrust.Warning}}
}

// dialect is what one driver was made of.
type dialect struct {
	Options
	config *pgx.ConnConfig
}

// connector makes connections with c's login.
func (d dialect) connector(c source.Credential) (driver.Connector, error) {
	config := d.config.Copy()
	config.User, config.Password = c.Username, c.Password.Reveal()
	if trust.Socket(config.Host) && c.Host != "" {
		return nil, source.Permanent(trust.NotFromSocket(c.Host, c.Port, c.Database))
	}
	if c.Host != "" || c.Port != 0 || c.Database != "" {
		pgendpoint.Redirect(&config.Config, c.Host, c.Port, c.Database)
	}
	return stdlib.GetConnector(*config,
		stdlib.OptionBeforeConnect(d.beforeConnect), stdlib.OptionAfterConnect(d.afterConnect),
		stdlib.OptionResetSession(d.resetSession), stdlib.OptionShouldPing(d.shouldPing)), nil
}

func (d dialect) beforeConnect(ctx context.Context, config *pgx.ConnConfig) error {
	user, password := config.User, config.Password
	if d.BeforeConnect != nil {
		if err := d.BeforeConnect(ctx, config); err != nil {
			return err
		}
	}
	config.User, config.Password = user, password
	pgtrust.Require(&config.Config)
	config.DialFunc = sqladapter.Counted(config.DialFunc)
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

func (d dialect) afterConnect(ctx context.Context, conn *pgx.Conn) error {
	conn.PgConn().CustomData()[sessionKey] = sqladapter.SessionFrom(ctx)
	if d.AfterConnect == nil {
		return nil
	}
	err := d.AfterConnect(ctx, conn)
	if err != nil {
		conn.Close(ctx) // stdlib forgets it
	}
	return err
}

func (d dialect) resetSession(ctx context.Context, conn *pgx.Conn) error {
	s, _ := conn.PgConn().CustomData()[sessionKey].(*sqladapter.Session)
	if err := s.Reused(ctx); err != nil || d.ResetSession == nil || sqladapter.Errand(ctx) {
		return err
	}
	return d.ResetSession(ctx, conn)
}

// shouldPing is pgx's own rule, for callers.
func (d dialect) shouldPing(ctx context.Context, params stdlib.ShouldPingParams) bool {
	if s, _ := params.Conn.PgConn().CustomData()[sessionKey].(*sqladapter.Session); s != nil {
		params.IdleDuration = max(params.IdleDuration, s.Idle())
	}
	switch {
	case sqladapter.Errand(ctx):
		return false
	case d.ShouldPing != nil:
		return d.ShouldPing(ctx, params)
	default:
		return params.IdleDuration > pingAfter
	}
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
	if pgtrust.NeedsScram(err) {
		a.Meaning, a.Err = sqladapter.AccessForbidden, pgtrust.Explain(a.Err)
	}
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

// clean takes the statements back that pgx has prepared, too, and sets the connection up once more.
func (d dialect) clean(ctx context.Context, conn driver.Conn) error {
	c := pgxConn(conn)
	if err := c.DeallocateAll(ctx); err != nil {
		return err
	}
	if _, err := c.PgConn().Exec(ctx, "discard all").ReadAll(); err != nil || d.AfterConnect == nil {
		return err
	}
	return d.AfterConnect(ctx, c)
}

func cancel(ctx context.Context, conn driver.Conn) error {
	return pgxConn(conn).PgConn().CancelRequest(ctx)
}

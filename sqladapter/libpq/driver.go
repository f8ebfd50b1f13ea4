// Package libpq is the driver of package sqladapter for github.com/lib/pq.
package libpq

import (
	"context"
	"database/sql/driver"
	"net"
	"net/netip"
	"time"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/internal/trust"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/sqladapter"
)

// New returns the driver for connections to what config says, such as pq.NewConfig makes of a connection string. A user
// or password in it is not used. Connections that sql.Conn.Raw gives unwrap to lib/pq's own by sqladapter.Conn.
//
// lib/pq gives a server the password in whatever way it asks for it, in clear, too. Of an sslmode that permits a server which is
// not verified there is a warning. When a connection is closed under its user, PostgreSQL goes on with what it is doing for
// it until it notices: let client_connection_check_interval tell it how soon.
func New(config pq.Config) sqladapter.Driver {
	config = config.Clone()
	return sqladapter.Driver{
		Connector: func(c source.Credential) (driver.Connector, error) { return connector(config, c) },
		Probe:     probe.Parity{},
		RoleGone:  roleGone,
		Clean:     clean,
		Warnings:  warnings(config),
	}
}

// connector makes connections with c's login.
func connector(config pq.Config, c source.Credential) (driver.Connector, error) {
	config = config.Clone()
	config.User, config.Password = c.Username, c.Password.Reveal()
	if trust.Socket(config.Host) && c.Host != "" {
		return nil, source.Permanent(trust.NotFromSocket(c.Host, c.Port, c.Database))
	}
	if c.Host != "" { // and nowhere else: an address, or another host, of the configuration is not the credential's
		config.Host, config.Hostaddr, config.Multi = c.Host, netip.Addr{}, nil
	}
	if c.Port != 0 {
		config.Port = c.Port
	}
	if c.Database != "" {
		config.Database = c.Database
	}
	made, err := pq.NewConnectorConfig(config)
	if err != nil {
		return nil, err
	}
	made.Dialer(dialer{sqladapter.Counted(nil)})
	return made, nil
}

// dialer is a pq.Dialer that counts.
type dialer struct{ dial sqladapter.DialFunc }

func (d dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return d.dial(ctx, network, address)
}

func (d dialer) Dial(network, address string) (net.Conn, error) {
	return d.dial(context.Background(), network, address)
}

func (d dialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.dial(ctx, network, address)
}

// undefinedObject is what a session whose role is gone gets for its own name.
const undefinedObject = "42704"

// roleGone asks for the role of the session, not for one that the application has set.
func roleGone(ctx context.Context, conn driver.Conn) (bool, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "select session_user", nil)
	if err == nil {
		err = rows.Close()
	}
	return sqladapter.BySQLState(err).Code == undefinedObject, err
}

func clean(ctx context.Context, conn driver.Conn) error {
	_, err := conn.(driver.ExecerContext).ExecContext(ctx, "discard all", nil)
	return err
}

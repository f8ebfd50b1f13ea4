package sqladapter

import (
	"context"
	"database/sql/driver"

	"github.com/rekeyhq/rekey/source"
)

// DSN returns a [Driver] that connects with d to what dsn says, a function that writes a connection string for a
// credential: any driver of database/sql can follow its credentials with it. d is what the driver's package registers with
// sql.Register. In the string escape the password as d's documentation says: it may hold any character.
//
// Like Driver.Connector, dsn is called once for each credential that is to be verified, and an error of it may be marked by
// source.Permanent. Errors, its own and those of d, reach nobody with the password in them.
//
// The adapter does not see the sockets of such a driver; see [Driver] for what else it can be told.
func DSN(d driver.Driver, dsn func(source.Credential) (string, error)) Driver {
	if d == nil || dsn == nil {
		return Driver{} // which Open refuses
	}
	return Driver{Connector: func(c source.Credential) (driver.Connector, error) {
		name, err := dsn(c)
		if err != nil {
			return nil, err
		}
		if d, ok := d.(driver.DriverContext); ok {
			return d.OpenConnector(name)
		}
		return dsnConnector{driver: d, name: source.NewSecret(name)}, nil
	}}
}

// dsnConnector is the connector of a driver that has none. Such a driver knows no contexts, either: as in database/sql, a
// login of it takes as long as it takes.
type dsnConnector struct {
	driver driver.Driver
	name   source.Secret
}

func (c dsnConnector) Connect(context.Context) (driver.Conn, error) {
	return c.driver.Open(c.name.Reveal())
}

func (c dsnConnector) Driver() driver.Driver { return c.driver }

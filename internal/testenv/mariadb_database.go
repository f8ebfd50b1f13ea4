package testenv

import (
	"context"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// MariaDatabase is one database of a private MariaDB server.
type MariaDatabase struct {
	Name   string
	Server *MariaDB
}

// CreateDatabase makes an empty database. Nobody but the admin may enter it, until that is granted.
func (m *MariaDB) CreateDatabase(ctx context.Context) (*MariaDatabase, error) {
	name := fmt.Sprintf("app%d", databases.Add(1))
	if err := m.adminExec(ctx, "CREATE DATABASE "+quoteMariaIdent(name)); err != nil {
		return nil, err
	}
	return &MariaDatabase{Name: name, Server: m}, nil
}

// Drop drops the database. It waits for statements and transactions that use its tables; sessions stay.
func (d *MariaDatabase) Drop(ctx context.Context) error {
	return d.Server.adminExec(ctx, "DROP DATABASE IF EXISTS "+quoteMariaIdent(d.Name))
}

// Config returns the driver's configuration for a login to this database. The caller may change it.
func (d *MariaDatabase) Config(user, password string) *mysql.Config {
	return d.Server.Config(user, password, d.Name)
}

// DSN returns a connection string for a login to this database.
func (d *MariaDatabase) DSN(user, password string) string {
	return d.Server.DSN(user, password, d.Name)
}

// DSNAt is DSN for another port of the same host, such as that of a [Proxy].
func (d *MariaDatabase) DSNAt(port uint16, user, password string) string {
	return d.Server.DSNAt(port, user, password, d.Name)
}

// AdminDSN returns a connection string for the admin to this database.
func (d *MariaDatabase) AdminDSN() string { return d.Server.AdminDSN(d.Name) }

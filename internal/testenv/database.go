package testenv

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Database is one database of a private cluster.
type Database struct {
	Name   string
	Server *Postgres
}

// databases counts the databases made by this process, for their names.
var databases atomic.Int64

// CreateDatabase makes an empty database. Nobody but the superuser may connect to it, or make temporary tables
// in it, until that is granted.
func (p *Postgres) CreateDatabase(ctx context.Context) (*Database, error) {
	name := fmt.Sprintf("app%d", databases.Add(1))
	conn, err := pgx.Connect(ctx, p.AdminDSN("postgres"))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	// template0, because nobody can be connected to it; two calls, because this one cannot be in a transaction.
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quoteIdent(name)+" TEMPLATE template0"); err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "REVOKE ALL ON DATABASE "+quoteIdent(name)+" FROM PUBLIC"); err != nil {
		return nil, err
	}
	return &Database{Name: name, Server: p}, nil
}

// Drop ends the sessions in the database and drops it.
func (d *Database) Drop(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, d.Server.AdminDSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quoteIdent(d.Name)+" WITH (FORCE)")
	return err
}

// DSN returns a connection string for a login to this database.
func (d *Database) DSN(user, password string) string { return d.Server.DSN(user, password, d.Name) }

// DSNAt is DSN for another port of the same host, such as that of a [Proxy].
func (d *Database) DSNAt(port uint16, user, password string) string {
	return d.Server.DSNAt(port, user, password, d.Name)
}

// AdminDSN returns a connection string for the superuser to this database.
func (d *Database) AdminDSN() string { return d.Server.AdminDSN(d.Name) }

// Set changes a server setting for sessions of this database that begin later: log_statement to none before a
// million statements, for one.
func (d *Database) Set(ctx context.Context, name, value string) error {
	conn, err := pgx.Connect(ctx, d.Server.AdminDSN("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, fmt.Sprintf("ALTER DATABASE %s SET %s = %s",
		quoteIdent(d.Name), quoteIdent(name), quoteLiteral(value)))
	return err
}

package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// MariaIssuerOptions changes what the logins of a [MariaIssuer] are like. The zero value is an ordinary
// application's.
type MariaIssuerOptions struct {
	// Prefix begins every login's name. Defaults to the name of the database and "_v".
	Prefix string

	// Rights is how logins come by their rights. Defaults to OnTables.
	Rights MariaRights

	// ConnectionLimit is each login's own limit of sessions (MAX_USER_CONNECTIONS). Defaults to 0: none.
	ConnectionLimit int

	// Accounts is how many rows the table accounts begins with. Defaults to 100.
	Accounts int
}

// MariaIssuer is [Issuer] for MariaDB: it owns a small application schema and hands out short-lived logins for it.
// It is safe for concurrent use.
//
// The database has the tables accounts (id, owner, balance) and events (id that counts up, account_id, kind, at)
// and the function balance_of(account).
type MariaIssuer struct {
	db     *MariaDatabase
	opts   MariaIssuerOptions
	change *mariaAdmin // issues and revokes
	watch  *mariaAdmin // counts sessions, also while a change is waiting for a lock
}

// NewMariaIssuer makes the schema in db, which must be fresh, and a role that has the application's rights. nil opts
// means the zero value.
func NewMariaIssuer(ctx context.Context, db *MariaDatabase, opts *MariaIssuerOptions) (*MariaIssuer, error) {
	i, err := newMariaIssuer(db, opts)
	if err != nil {
		return nil, err
	}
	if err := i.Exec(ctx, i.schema()); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// newMariaIssuer connects to nothing yet.
func newMariaIssuer(db *MariaDatabase, opts *MariaIssuerOptions) (*MariaIssuer, error) {
	i := &MariaIssuer{db: db}
	if opts != nil {
		i.opts = *opts
	}
	if i.opts.Prefix == "" {
		i.opts.Prefix = db.Name + "_v"
	}
	if i.opts.Accounts == 0 {
		i.opts.Accounts = 100
	}
	var err error
	if i.change, err = db.Server.admin(db.Name); err != nil {
		return nil, err
	}
	if i.watch, err = db.Server.admin(db.Name); err != nil {
		return nil, errors.Join(err, i.change.close())
	}
	return i, nil
}

// schema is what a migration would do.
func (i *MariaIssuer) schema() string {
	return i.fill(`
		CREATE TABLE accounts (
			id int PRIMARY KEY, owner varchar(100) NOT NULL, balance bigint NOT NULL);
		CREATE TABLE events (
			id bigint AUTO_INCREMENT PRIMARY KEY, account_id int NOT NULL REFERENCES accounts (id),
			kind varchar(100) NOT NULL, at timestamp(6) NOT NULL DEFAULT current_timestamp(6));
		CREATE FUNCTION balance_of(account int) RETURNS bigint READS SQL DATA
			RETURN (SELECT balance FROM accounts WHERE id = account);
		INSERT INTO accounts WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < {accounts})
			SELECT id, concat('owner ', id), 1000 FROM n;
		CREATE ROLE {role};`) + i.fill(mariaTableGrants, "{user}", quoteMariaIdent(i.Role()))
}

// fill puts this issuer's names into sql; more pairs may be given.
func (i *MariaIssuer) fill(sql string, more ...string) string {
	pairs := append([]string{
		"{database}", quoteMariaIdent(i.db.Name),
		"{role}", quoteMariaIdent(i.Role()),
		"{accounts}", strconv.Itoa(i.opts.Accounts),
	}, more...)
	return strings.NewReplacer(pairs...).Replace(sql)
}

// Database returns the database that the logins are for.
func (i *MariaIssuer) Database() *MariaDatabase { return i.db }

// Role returns the role that has the application's rights; it cannot log in.
func (i *MariaIssuer) Role() string { return i.db.Name + "_role" }

// Config returns the driver's configuration for a login. The caller may change it.
func (i *MariaIssuer) Config(login Login) *mysql.Config {
	return i.db.Config(login.User, login.Password)
}

// DSN returns a connection string for a login.
func (i *MariaIssuer) DSN(login Login) string { return i.db.DSN(login.User, login.Password) }

// Issue makes a login that may do what the application needs, and nothing else.
func (i *MariaIssuer) Issue(ctx context.Context) (Login, error) {
	login := Login{User: fmt.Sprintf("%s%d", i.opts.Prefix, issued.Add(1)), Password: rand.Text()}
	err := i.onLogin(ctx, login, `
		CREATE USER {user} IDENTIFIED BY PASSWORD {hash} WITH MAX_USER_CONNECTIONS `+strconv.Itoa(i.opts.ConnectionLimit)+`;`+
		i.opts.Rights.grants())
	if err != nil {
		return Login{}, err
	}
	return login, nil
}

// onLogin runs statements with the login's account and the hash of its password filled in.
func (i *MariaIssuer) onLogin(ctx context.Context, login Login, statements string) error {
	return i.Exec(ctx, i.fill(statements,
		"{user}", mariaAccount(login.User), "{hash}", quoteMariaLiteral(nativeHash(login.Password))))
}

// mariaAccount is a login's name in statements: it may come from everywhere.
func mariaAccount(user string) string { return quoteMariaLiteral(user) + "@'%'" }

// Revoke takes a login's rights away and drops it, as Vault does. It does not end the login's sessions.
func (i *MariaIssuer) Revoke(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}; DROP USER {user}`)
}

// RevokeRights takes a login's rights away, its role included. The login stays.
func (i *MariaIssuer) RevokeRights(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}`)
}

// Drop drops a login and nothing else: its rights go with it, its sessions stay.
func (i *MariaIssuer) Drop(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `DROP USER {user}`)
}

// AlterPassword gives the login another password and returns it with that. Open sessions live on.
func (i *MariaIssuer) AlterPassword(ctx context.Context, login Login) (Login, error) {
	changed := login
	changed.Password = rand.Text()
	if err := i.onLogin(ctx, changed, `ALTER USER {user} IDENTIFIED BY PASSWORD {hash}`); err != nil {
		return login, err
	}
	return changed, nil
}

// Lock refuses the login from now on. Open sessions live on.
func (i *MariaIssuer) Lock(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `ALTER USER {user} ACCOUNT LOCK`)
}

// Unlock undoes Lock.
func (i *MariaIssuer) Unlock(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `ALTER USER {user} ACCOUNT UNLOCK`)
}

// Expire makes the login's password one that must be changed.
func (i *MariaIssuer) Expire(ctx context.Context, login Login) error {
	return i.onLogin(ctx, login, `ALTER USER {user} PASSWORD EXPIRE`)
}

// LimitSessions sets the login's own limit of sessions; 0 is none.
func (i *MariaIssuer) LimitSessions(ctx context.Context, login Login, limit int) error {
	return i.onLogin(ctx, login, `ALTER USER {user} WITH MAX_USER_CONNECTIONS `+strconv.Itoa(limit))
}

// Exec runs statements as the admin, for everything that has no method here. Each is for itself, and the first that
// fails is the last.
func (i *MariaIssuer) Exec(ctx context.Context, statements string) error {
	return i.change.exec(ctx, statements)
}

// Sessions counts the sessions of a login on the server, also after it was dropped.
func (i *MariaIssuer) Sessions(ctx context.Context, login Login) (int, error) {
	return i.watch.number(ctx, `SELECT count(*) FROM information_schema.processlist WHERE user = ?`, login.User)
}

// AllSessions counts the sessions of everybody but the admin that are in this database or of this issuer's logins,
// those of dropped ones included.
func (i *MariaIssuer) AllSessions(ctx context.Context) (int, error) {
	return i.watch.number(ctx, `SELECT count(*) FROM information_schema.processlist
		WHERE user <> ? AND (db = ? OR left(user, char_length(?)) = ?)`,
		AdminUser, i.db.Name, i.opts.Prefix, i.opts.Prefix)
}

// Terminate ends the sessions of a login, also after it was dropped.
func (i *MariaIssuer) Terminate(ctx context.Context, login Login) error {
	_, err := i.watch.db.ExecContext(ctx, `KILL CONNECTION USER `+quoteMariaLiteral(login.User))
	return err
}

// Close ends the issuer's own connections. What it issued lives on.
func (i *MariaIssuer) Close() error { return errors.Join(i.change.close(), i.watch.close()) }

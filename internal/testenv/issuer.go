package testenv

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// IssuerOptions changes what the logins of an [Issuer] are like. The zero value is an ordinary application's.
type IssuerOptions struct {
	// Prefix begins every login's name. Defaults to the name of the database and "_v".
	Prefix string

	// Temp lets logins make temporary tables.
	Temp bool

	// ConnectionLimit is each login's own limit of sessions. Defaults to 0: none.
	ConnectionLimit int

	// ValidFor ends each login's password this long after it was issued. Defaults to 0: it does not end.
	ValidFor time.Duration

	// Accounts is how many rows the table accounts begins with. Defaults to 100.
	Accounts int
}

// Issuer acts like a secret store's database engine: it owns a small application schema and hands out
// short-lived logins for it. It is safe for concurrent use.
//
// The schema app, on every session's search path, has the tables accounts (id, owner, balance) and events (id
// from a sequence, account_id, kind, at) and the function balance_of(account_id). Nothing in it is granted to
// PUBLIC. A session whose login was revoked gets 42501 for app.accounts, and 42P01 for accounts alone: a schema
// without USAGE drops out of the search path, and the table is not found there.
type Issuer struct {
	db     *Database
	opts   IssuerOptions
	owner  string
	change *admin // issues and revokes
	watch  *admin // counts sessions, also while a change is waiting for a lock
}

// issued counts the logins made by this process. Roles belong to the cluster, not to a database: two issuers with
// the same prefix must not make the same name.
var issued atomic.Int64

// NewIssuer makes the owner role and the schema in db, which must be fresh. nil opts means the zero value.
func NewIssuer(ctx context.Context, db *Database, opts *IssuerOptions) (*Issuer, error) {
	i := newIssuer(db, opts)
	if err := i.Exec(ctx, i.schema()); err != nil {
		return nil, errors.Join(err, i.Close())
	}
	return i, nil
}

// newIssuer connects to nothing yet.
func newIssuer(db *Database, opts *IssuerOptions) *Issuer {
	i := &Issuer{
		db:     db,
		owner:  db.Name + "_owner",
		change: &admin{dsn: db.AdminDSN()},
		watch:  &admin{dsn: db.AdminDSN()},
	}
	if opts != nil {
		i.opts = *opts
	}
	if i.opts.Prefix == "" {
		i.opts.Prefix = db.Name + "_v"
	}
	if i.opts.Accounts == 0 {
		i.opts.Accounts = 100
	}
	return i
}

// turn makes changes to the same rights by several issuers, in several processes even, wait for each other:
// PostgreSQL answers those with deadlocks, found after a second, and with errors.
const turn = `SELECT pg_advisory_xact_lock(7233539);`

// grants is what the application needs to do its work.
const grants = `
		GRANT CONNECT {temp} ON DATABASE {database} TO {user};
		GRANT USAGE ON SCHEMA app TO {user};
		GRANT SELECT, INSERT, UPDATE, DELETE ON app.accounts, app.events TO {user};
		GRANT USAGE, SELECT ON SEQUENCE app.events_id_seq TO {user};
		GRANT EXECUTE ON FUNCTION app.balance_of(int) TO {user};`

// schema is what a migration would do, as the owner.
func (i *Issuer) schema() string {
	return i.fill(`
		CREATE ROLE {owner} NOLOGIN;
		CREATE SCHEMA app AUTHORIZATION {owner};
		ALTER DATABASE {database} SET search_path = app, public;
		SET LOCAL ROLE {owner};
		CREATE TABLE app.accounts (
			id int PRIMARY KEY, owner text NOT NULL, balance bigint NOT NULL);
		CREATE TABLE app.events (
			id bigserial PRIMARY KEY, account_id int NOT NULL REFERENCES app.accounts, kind text NOT NULL,
			at timestamptz NOT NULL DEFAULT now());
		CREATE FUNCTION app.balance_of(account_id int) RETURNS bigint LANGUAGE sql STABLE
			AS 'SELECT balance FROM app.accounts WHERE id = account_id';
		REVOKE ALL ON FUNCTION app.balance_of(int) FROM PUBLIC;
		INSERT INTO app.accounts SELECT n, 'owner ' || n, 1000 FROM generate_series(1, {accounts}) n;
		RESET ROLE`)
}

// fill puts this issuer's names into sql; more pairs may be given.
func (i *Issuer) fill(sql string, more ...string) string {
	pairs := append([]string{
		"{owner}", quoteIdent(i.owner),
		"{database}", quoteIdent(i.db.Name),
		"{accounts}", strconv.Itoa(i.opts.Accounts),
		"{temp}", i.temp(),
	}, more...)
	return strings.NewReplacer(pairs...).Replace(sql)
}

// Database returns the database that the logins are for.
func (i *Issuer) Database() *Database { return i.db }

// Owner returns the role that owns the schema; it cannot log in.
func (i *Issuer) Owner() string { return i.owner }

// DSN returns a connection string for a login.
func (i *Issuer) DSN(login Login) string { return i.db.DSN(login.User, login.Password) }

// Issue makes a login that may do what the application needs, and nothing else.
func (i *Issuer) Issue(ctx context.Context) (Login, error) {
	login := Login{
		User:     fmt.Sprintf("%s%d", i.opts.Prefix, issued.Add(1)),
		Password: rand.Text(),
	}
	verifier, err := scramVerifier(login.Password)
	if err != nil {
		return Login{}, err
	}
	results, err := i.change.exec(ctx, turn+i.fill(`
		CREATE ROLE {user} LOGIN PASSWORD {verifier} {limits};`+grants+`
		SELECT oid FROM pg_roles WHERE rolname = {name}`,
		"{user}", quoteIdent(login.User), "{name}", quoteLiteral(login.User), "{verifier}", quoteLiteral(verifier),
		"{limits}", i.limits()))
	if err != nil {
		return Login{}, err
	}
	oid, err := strconv.ParseUint(string(results[len(results)-1].Rows[0][0]), 10, 32)
	login.OID = uint32(oid)
	return login, err
}

func (i *Issuer) limits() (sql string) {
	if i.opts.ConnectionLimit > 0 {
		sql = fmt.Sprintf(" CONNECTION LIMIT %d", i.opts.ConnectionLimit)
	}
	if i.opts.ValidFor > 0 {
		end := time.Now().Add(i.opts.ValidFor).UTC().Format(time.RFC3339Nano)
		sql += " VALID UNTIL " + quoteLiteral(end)
	}
	return sql
}

func (i *Issuer) temp() string {
	if i.opts.Temp {
		return ", TEMPORARY"
	}
	return ""
}

// Revoke takes a login's rights away and drops it, as Vault does. It does not end the login's sessions.
func (i *Issuer) Revoke(ctx context.Context, login Login) error {
	return i.Exec(ctx, turn+i.fill(`
		REVOKE ALL ON ALL TABLES IN SCHEMA app FROM {user};
		REVOKE ALL ON ALL SEQUENCES IN SCHEMA app FROM {user};
		REVOKE ALL ON SCHEMA app FROM {user};
		DROP OWNED BY {user};
		DROP ROLE {user}`, "{user}", quoteIdent(login.User)))
}

// AlterPassword gives the login another password and returns it with that. Open sessions live on.
func (i *Issuer) AlterPassword(ctx context.Context, login Login) (Login, error) {
	changed := login
	changed.Password = rand.Text()
	verifier, err := scramVerifier(changed.Password)
	if err != nil {
		return login, err
	}
	if err := i.Exec(ctx, "ALTER ROLE "+quoteIdent(login.User)+" PASSWORD "+quoteLiteral(verifier)); err != nil {
		return login, err
	}
	return changed, nil
}

// Exec runs statements as the superuser, for everything that has no method here. They are one transaction.
func (i *Issuer) Exec(ctx context.Context, sql string) error {
	_, err := i.change.exec(ctx, sql)
	return err
}

// The view pg_stat_activity would join names that nobody needs here, and lose the sessions of dropped roles
// when asked by name.
const sessionsOf = `FROM pg_stat_get_activity(NULL)
	WHERE backend_type = 'client backend'
	AND datid = (SELECT oid FROM pg_database WHERE datname = current_database())`

// Sessions counts the sessions of a login in this database, also after it was revoked.
func (i *Issuer) Sessions(ctx context.Context, login Login) (int, error) {
	return i.watch.number(ctx, `SELECT count(*) `+sessionsOf+` AND usesysid = `+roleNumber, login.OID, login.User)
}

// roleNumber is a login's OID given as $1, or that of the role named $2 when $1 is zero.
const roleNumber = `coalesce(nullif($1::oid, 0), (SELECT oid FROM pg_roles WHERE rolname = $2))`

// AllSessions counts the sessions of everybody but the superuser in this database, those of dropped roles
// included.
func (i *Issuer) AllSessions(ctx context.Context) (int, error) {
	return i.watch.number(ctx, `SELECT count(*) `+sessionsOf+`
		AND usesysid <> (SELECT oid FROM pg_roles WHERE rolname = current_user)`)
}

// Terminate ends the sessions of a login in this database, also after it was revoked.
func (i *Issuer) Terminate(ctx context.Context, login Login) error {
	_, err := i.watch.number(ctx, `SELECT count(pg_terminate_backend(pid)) `+sessionsOf+` AND usesysid = `+roleNumber,
		login.OID, login.User)
	return err
}

// Close ends the issuer's own connections. What it issued lives on.
func (i *Issuer) Close() error { return errors.Join(i.change.close(), i.watch.close()) }

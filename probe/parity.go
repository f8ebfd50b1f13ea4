package probe

import (
	"context"
	"slices"
	"strings"
)

// Parity checks that the new login can do what the login in use can. It needs no configuration and no rights of its
// own; it asks the system catalogues of PostgreSQL 13 or later, over the new login's connection, in at most five
// queries however many objects there are.
//
// What the new login must have, if the login in use has it:
//
//   - every privilege on tables (views, foreign and partitioned tables included), columns, sequences, schemas,
//     functions, types, languages, foreign servers and wrappers, tablespaces and the database, whether granted to it,
//     to PUBLIC or to a role whose privileges it inherits; privileges on system objects count too;
//   - the standing of an owner: who owns a table may alter it, and its row-level security does not apply to him;
//   - row-level security policies that let it see rows, and user mappings;
//   - membership in each role that SET ROLE can reach;
//   - the attributes SUPERUSER, CREATEROLE, CREATEDB, BYPASSRLS and REPLICATION;
//   - the search_path, and writable transactions, where ALTER ROLE or ALTER DATABASE set them.
//
// Independent of the login in use, it must be allowed to connect to the database, for the next connection.
//
// What counts is the role that sessions act as, not the login: after ALTER ROLE login SET role = owner, the privileges
// are the owner's. Two logins that act as the same role have parity as soon as they can reach the same roles. What the
// application itself sets on its connections, a role or a search_path, is taken to be in force for both logins.
//
// Where there is nothing to compare with, Parity asks no more than [Ping]: there is no login in use, or it is the
// same role (a changed password), or the server does not know it, because it was dropped or because the credential
// leads to another server. Combine it with [Privileges] where that is too little. A login in use that was stripped
// of its grants makes no demands either.
//
// Not compared: the right to pass a privilege or a membership on (GRANT and ADMIN OPTION), other settings of ALTER ROLE
// such as work_mem and statement_timeout, default privileges for objects made later, privileges on configuration parameters and large objects
// (their ownership is), ownership of objects that queries do not touch (publications, operators, …), restrictive
// row-level security policies, a search_path set in postgresql.conf that one login overrides and the other does
// not, and what is in other databases.
//
// The zero Parity is ready for use.
type Parity struct{}

// Check returns a [MissingError] that names what is missing, or a [QueryError].
func (Parity) Check(ctx context.Context, t Target) error {
	if t.Current == "" {
		return Ping{}.Check(ctx, t)
	}
	p := parity{conn: t.Conn}
	known, err := p.readLogins(ctx, t.Current)
	if err != nil {
		return queryError("parity", err)
	}
	if !known || p.next.self.oid == p.current.self.oid {
		return nil
	}
	if err := p.compare(ctx); err != nil {
		return queryError("parity", err)
	}
	return missing(p.next.self.name, p.current.self.name, p.missing, p.more)
}

// parity is one comparison under way.
type parity struct {
	conn    Conn
	current login    // the login in use
	next    login    // the new one
	session settings // what the new one's session has

	missing []Right
	more    int // missing rights that are counted only
}

// compare collects what is missing, the general before the particular.
func (p *parity) compare(ctx context.Context) error {
	if p.current.superuser() && !p.next.superuser() {
		p.lack("attribute", "", superuser)
		return nil // everything else is missing too; naming it all helps nobody
	}
	p.compareAttributes()
	p.compareDatabase()
	if err := p.compareSettings(ctx); err != nil {
		return err
	}
	lost, err := p.compareRoles(ctx)
	if err != nil || p.current.acting.oid == p.next.acting.oid {
		return err
	}
	return p.compareObjects(ctx, lost)
}

func (p *parity) lack(privilege, kind, object string) {
	p.missing = append(p.missing, Right{Privilege: privilege, Kind: kind, Object: object})
}

func (p *parity) compareAttributes() {
	if p.next.superuser() {
		return // which implies the others
	}
	for _, a := range p.current.attributes() {
		if !slices.Contains(p.next.attributes(), a) {
			p.lack("attribute", "", a)
		}
	}
}

// compareDatabase compares the standing towards the database.
func (p *parity) compareDatabase() {
	if !p.next.self.mayOnDatabase(connect) {
		p.lack(connect, "database", p.next.database)
	}
	for _, right := range p.current.acting.onDatabase {
		if right != connect && !p.next.acting.mayOnDatabase(right) {
			p.lack(right, "database", p.next.database)
		}
		if right == "ownership" {
			return // which includes the rest
		}
	}
}

// compareRoles compares which roles SET ROLE can reach, and returns the roles whose privileges only the login in use
// has without it.
func (p *parity) compareRoles(ctx context.Context) (lost []string, err error) {
	rows, err := p.conn.Query(ctx, rolesQuery, p.current.self.oid, p.current.acting.oid, p.next.self.oid, p.next.acting.oid)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		oid, name, unreachable, isLost := row[0], row[1], row[2] == "true", row[3] == "true"
		if unreachable {
			p.lack("membership", "role", name)
		}
		if isLost {
			lost = append(lost, oid)
		}
	}
	return lost, nil
}

// compareObjects compares the privileges on all objects that mention one of the lost roles. No other object can make
// a difference: whatever other roles may do, both logins may do.
func (p *parity) compareObjects(ctx context.Context, lost []string) error {
	classes, err := p.classes(ctx, lost)
	if err != nil {
		return err
	}
	query := objectsQueryFor(classes)
	if query == "" {
		return nil
	}
	rows, err := p.conn.Query(ctx, query, oidArray(lost), p.current.acting.oid, p.next.acting.oid)
	if err != nil {
		return err
	}
	for _, row := range rows {
		kind, privilege, object := row[0], row[1], row[2]
		p.lack(privilege, kind, object)
	}
	if len(rows) > 0 {
		p.more = atoi(rows[0][3]) - len(rows)
	}
	return nil
}

// classes returns where to look for objects that mention the lost roles. User mappings belong to the acting role alone
// and are not inherited, so that its own count even if it is not lost.
func (p *parity) classes(ctx context.Context, lost []string) ([]class, error) {
	rows, err := p.conn.Query(ctx, classesQuery, oidArray(append(lost, p.current.acting.oid)))
	if err != nil {
		return nil, err
	}
	var classes []class
	for _, row := range rows {
		classes = append(classes, class{name: row[0], column: row[1] == "true"})
	}
	return classes, nil
}

func oidArray(oids []string) string { return "{" + strings.Join(oids, ",") + "}" }

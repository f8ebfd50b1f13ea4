package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/rekeyhq/rekey/probe"
)

// Grants is a probe.Probe for MySQL and MariaDB: a new login must have every grant that the login in use had when it was
// verified itself, and nothing may be withheld from it (REVOKE lines, which partial_revokes makes) that was not from that
// one. It asks for nothing but SHOW GRANTS, over the new login's connection. A DB's first login must only exist, and so must
// another password of the account in use. The options of an account, the names in proxies and GRANT OPTION do not count;
// roles count by their names and, where they are a login's default, by what they are granted.
//
// What is granted on a whole, such as on `app`.*, is not weighed against what is granted on its parts: logins that are
// granted the same thing in different ways are not found equal. Then take a probe of your own, such as
// probe.Statements with both timeouts off.
//
// What it remembers is in probe.Target's Notes, so one value serves any number of DBs.
type Grants struct{}

// notesKey is where the rights of a login are kept.
type notesKey struct{}

// errNothingKnown says that there is nothing to compare with.
var errNothingKnown = errors.New("mysql: what the login in use is granted is not known")

// Check returns an error for which probe.Lacks is true, and that says what is missing; or one for a check that could not be
// made: the server's, one of a line that is not understood, or one that the rights of the login in use are not known.
func (Grants) Check(ctx context.Context, t probe.Target) error {
	next, err := rightsOf(ctx, t.Conn)
	if err != nil {
		return err
	}
	t.Notes.Keep(notesKey{}, next)
	if t.Current == "" {
		return nil
	}
	kept, ok := t.CurrentNotes.Kept(notesKey{})
	if !ok {
		return errNothingKnown
	}
	if missing := next.lacks(kept.(*rights)); missing != "" {
		return probe.Refuse(fmt.Errorf("mysql: %s %s, unlike %s", next.user, missing, t.Current))
	}
	return nil
}

// rightsOf asks the server.
func rightsOf(ctx context.Context, conn probe.Conn) (*rights, error) {
	account, err := conn.Query(ctx, "SELECT USER(), CONCAT(CURRENT_USER(), ' on ', @@hostname, ':', @@port)")
	if err != nil {
		return nil, fmt.Errorf("mysql: asking for the login's name: %w", err)
	}
	rows, err := conn.Query(ctx, "SHOW GRANTS")
	if err != nil {
		return nil, fmt.Errorf("mysql: SHOW GRANTS: %w", err)
	}
	name := account[0][0] // and a host, which has no @
	name = name[:max(0, strings.LastIndex(name, "@"))]
	r := &rights{user: name, account: account[0][1], granted: map[string]bool{}, withheld: map[string]bool{}}
	for _, row := range rows {
		if err := r.read(row[0]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

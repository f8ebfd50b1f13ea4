package mysql

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/rekeyhq/rekey/probe"
)

// Grants is a probe.Probe for MySQL and MariaDB: a new login must have every grant that the login in use had when it was
// verified itself. It asks for nothing but SHOW GRANTS, over the new login's connection. A pool's first login must only
// exist. The options of an account, the names in proxies and GRANT OPTION do not count.
//
// What is granted on a whole, such as on `app`.*, is not weighed against what is granted on its parts: logins that are
// granted the same thing in different ways are not found equal. Then take a probe of your own, such as
// probe.Statements with both timeouts off.
//
// The zero Grants is ready for use. It is safe for concurrent use, and belongs to one DB.
type Grants struct {
	mu   sync.Mutex                 // guards seen
	seen map[string]map[string]bool // what logins that passed were granted, by their names
}

// Check returns an error for which probe.Lacks is true, and that says what is missing, or one of the server.
func (g *Grants) Check(ctx context.Context, t probe.Target) error {
	name, next, err := grantsOf(ctx, t.Conn)
	if err != nil {
		return fmt.Errorf("mysql: SHOW GRANTS: %w", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for grant := range g.seen[t.Current] {
		if !next[grant] && !next[allOn(grant)] {
			return probe.Refuse(fmt.Errorf("mysql: %s lacks %s, which %s has", name, grant, t.Current))
		}
	}
	kept := map[string]map[string]bool{name: next} // of others nobody will ask any more
	if before := g.seen[t.Current]; before != nil {
		kept[t.Current] = before
		if name == t.Current {
			kept[name] = next
		}
	}
	g.seen = kept
	return nil
}

// grantsOf returns the login's name, and what it is granted, as "SELECT ON `app`.`t`", or the name of a role.
func grantsOf(ctx context.Context, conn probe.Conn) (name string, grants map[string]bool, err error) {
	user, err := conn.Query(ctx, "SELECT USER()")
	if err != nil {
		return "", nil, err
	}
	rows, err := conn.Query(ctx, "SHOW GRANTS")
	if err != nil {
		return "", nil, err
	}
	grants = map[string]bool{}
	for _, row := range rows {
		for _, g := range parseGrant(row[0]) {
			grants[g] = true
		}
	}
	name = user[0][0] // and a host, which has no @
	if at := strings.LastIndex(name, "@"); at >= 0 {
		name = name[:at]
	}
	return name, grants, nil
}

// parseGrant returns the single grants of one line that SHOW GRANTS has given. Lists of columns stay as they are written.
func parseGrant(line string) (grants []string) {
	rest, ok := strings.CutPrefix(line, "GRANT ")
	if !ok {
		return nil // SET DEFAULT ROLE: what counts are the grants
	}
	what, _, ok := strings.Cut(rest, " TO ")
	if !ok {
		return nil
	}
	privileges, object, onObject := strings.Cut(what, " ON ")
	for _, p := range splitOutside(privileges) {
		if p = strings.TrimSpace(p); p == "USAGE" || p == "PROXY" {
			continue
		}
		if onObject {
			p += " ON " + object
		}
		grants = append(grants, p)
	}
	return grants
}

// splitOutside splits at the commas that are not within parentheses.
func splitOutside(list string) (parts []string) {
	depth, begin := 0, 0
	for i, r := range list {
		switch {
		case r == '(':
			depth++
		case r == ')':
			depth--
		case r == ',' && depth == 0:
			parts = append(parts, list[begin:i])
			begin = i + 1
		}
	}
	return append(parts, list[begin:])
}

// allOn is the grant that includes grant.
func allOn(grant string) string {
	_, object, _ := strings.Cut(grant, " ON ")
	return "ALL PRIVILEGES ON " + object
}

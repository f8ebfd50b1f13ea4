package probe

import (
	"fmt"
	"slices"
	"strings"
)

// Grant is what [Privileges] asks for on one object. Make it with [Table], [Column], [Sequence], [Schema], [Function],
// [Database] or [Role].
//
// Names are written as in SQL: app.orders, "My App"."Orders". Unqualified names are looked up on the new login's
// search_path. Naming an object in a schema asks for USAGE on that schema too, without which nothing in it can be
// used.
type Grant struct {
	kind       string
	name       string
	column     string
	privileges []string
}

// Table asks for privileges on a table, view, materialized view, partitioned or foreign table.
func Table(name string, privileges ...string) Grant {
	return Grant{kind: "table", name: name, privileges: privileges}
}

// Column asks for privileges on a column of a table. Having them on the whole table will do.
func Column(table, column string, privileges ...string) Grant {
	return Grant{kind: "column", name: table, column: column, privileges: privileges}
}

// Sequence asks for privileges on a sequence; without any, for USAGE.
func Sequence(name string, privileges ...string) Grant {
	return Grant{kind: "sequence", name: name, privileges: orThe("USAGE", privileges)}
}

// Schema asks for privileges on a schema; without any, for USAGE.
func Schema(name string, privileges ...string) Grant {
	return Grant{kind: "schema", name: name, privileges: orThe("USAGE", privileges)}
}

// Function asks for EXECUTE on a function or procedure. The name is followed by the argument types if there are
// several of that name: app.total(bigint, text).
func Function(name string) Grant {
	return Grant{kind: "function", name: name, privileges: []string{"EXECUTE"}}
}

// Database asks for privileges on a database, which need not be the one connected to; without any, for CONNECT.
func Database(name string, privileges ...string) Grant {
	return Grant{kind: "database", name: name, privileges: orThe("CONNECT", privileges)}
}

// Role asks for membership in a role, good for SET ROLE.
func Role(name string) Grant {
	return Grant{kind: "role", name: name, privileges: []string{"membership"}}
}

func orThe(otherwise string, privileges []string) []string {
	if len(privileges) == 0 {
		return []string{otherwise}
	}
	return privileges
}

// String is the grant as one says it: "SELECT, INSERT on table app.orders".
func (g Grant) String() string {
	return g.right(strings.Join(g.privileges, ", ")).String()
}

func (g Grant) right(privilege string) Right {
	object := g.name
	if g.column != "" {
		object += "." + g.column
	}
	return Right{Privilege: privilege, Kind: g.kind, Object: object}
}

// privilegesOf is what PostgreSQL knows for each kind of object.
var privilegesOf = map[string][]string{
	"table":    {"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"},
	"column":   {"SELECT", "INSERT", "UPDATE", "REFERENCES"},
	"sequence": {"USAGE", "SELECT", "UPDATE"},
	"schema":   {"USAGE", "CREATE"},
	"function": {"EXECUTE"},
	"database": {"CONNECT", "CREATE", "TEMPORARY", "TEMP"},
	"role":     {"membership"},
}

// validate reports what could not be asked. It matters that a privilege is a single word: has_table_privilege takes
// "SELECT, INSERT" for either of them.
func (g Grant) validate() error {
	known, ok := privilegesOf[g.kind]
	switch {
	case !ok:
		return fmt.Errorf("probe: Privileges: the zero Grant asks for nothing; make one with Table, Schema, …")
	case g.name == "":
		return fmt.Errorf("probe: Privileges: a %s has no name", g.kind)
	case g.kind == "column" && g.column == "":
		return fmt.Errorf("probe: Privileges: a column of table %s has no name", printable(g.name))
	case len(g.privileges) == 0:
		return fmt.Errorf("probe: Privileges: no privilege is asked for on %s %s", g.kind, printable(g.name))
	}
	for _, p := range g.privileges {
		if !slices.Contains(known, p) {
			return fmt.Errorf("probe: Privileges: %q is not a privilege on a %s (%s)",
				printable(p), g.kind, strings.Join(known, ", "))
		}
	}
	return nil
}

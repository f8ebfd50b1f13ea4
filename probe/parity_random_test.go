package probe_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

// TestParityAgainstBruteForce grants at random and compares what Parity finds, by way of pg_shdepend and groups of equal
// access lists, with what has_*_privilege says of every object, privilege by privilege.
func TestParityAgainstBruteForce(t *testing.T) {
	t.Parallel()
	const rounds = 40
	l := newLab(t)
	l.exec(`DROP TABLE app.orders; REVOKE ALL ON SCHEMA app FROM PUBLIC`)
	for _, group := range randomGroups {
		l.exec(`CREATE ROLE {` + group + `}`)
	}
	for i := range 6 {
		l.exec(fmt.Sprintf(`CREATE TABLE app.t%[1]d (a int, b int); CREATE SEQUENCE app.s%[1]d;
			CREATE FUNCTION app.f%[1]d(int) RETURNS int LANGUAGE sql AS 'SELECT 1'`, i))
	}
	target := probe.Target{Conn: pgxprobe.Conn(l.login("new")), Current: l.role("cur")}
	same := 0
	for seed := range uint64(rounds) {
		sql := randomGrants(rand.New(rand.NewPCG(seed, 7)))
		l.exec(sql)
		want := bruteForce(l)
		got, total := l.found(probe.Parity{}.Check(l.ctx(), target))
		if total != len(want) {
			t.Errorf("seed %d: %d found, want %d: %q\n%s\ngot %q", seed, total, len(want), want, sql, got)
		}
		for _, g := range got {
			if !slices.Contains(want, g) {
				t.Errorf("seed %d: found %s, which is not missing\n%s", seed, g, sql)
			}
		}
		if total == 0 {
			same++
		}
	}
	if same == 0 || same == rounds {
		t.Errorf("parity holds in %d of %d rounds: the grants are not random enough", same, rounds)
	}
}

var randomGroups = []string{"g0", "g1", "g2", "g3"}

// found returns what a MissingError names, and how many it counts.
func (l *lab) found(err error) (names []string, total int) {
	l.t.Helper()
	names = l.missingOf(err)
	var missing *probe.MissingError
	if errors.As(err, &missing) {
		return names, len(names) + missing.More
	}
	return names, 0
}

// randomGrants returns statements that replace all grants, owners and memberships.
func randomGrants(r *rand.Rand) string {
	var sql strings.Builder
	some := func(percent int) bool { return r.IntN(100) < percent }
	say := func(format string, args ...any) { fmt.Fprintf(&sql, format+";\n", args...) }

	logins := []string{"cur", "new"}
	all := append(slices.Clone(logins), randomGroups...)
	say(`REASSIGN OWNED BY {cur}, {new}, {g0}, {g1}, {g2}, {g3} TO CURRENT_USER`)
	say(`DROP OWNED BY {cur}, {new}, {g0}, {g1}, {g2}, {g3}`)
	say(`REVOKE ALL ON ALL TABLES IN SCHEMA app FROM PUBLIC`)
	say(`GRANT CONNECT ON DATABASE {db} TO {cur}, {new}`)
	say(`REVOKE {cur} FROM {new}`)
	for i, group := range randomGroups {
		for _, member := range append(logins, randomGroups[:i]...) {
			say(`REVOKE {%s} FROM {%s}`, group, member)
		}
	}
	for _, role := range all {
		say(`ALTER ROLE {%s} %s`, role, []string{"INHERIT", "INHERIT", "INHERIT", "NOINHERIT"}[r.IntN(4)])
	}
	// The new login mostly gets what the one in use has: otherwise parity would hardly ever hold.
	for i, group := range randomGroups {
		for _, member := range append([]string{"cur"}, randomGroups[:i]...) {
			if some(40) {
				say(`GRANT {%s} TO {%s}`, group, member)
				if member == "cur" && some(90) {
					say(`GRANT {%s} TO {new}`, group)
				}
			}
		}
	}
	if some(20) {
		say(`GRANT {cur} TO {new}`)
	}
	for i := range 6 {
		for _, grantee := range append([]string{"PUBLIC"}, all...) {
			if !some(12) {
				continue
			}
			to := "{" + grantee + "}"
			switch {
			case grantee == "PUBLIC":
				to = grantee
			case grantee == "cur" && some(85):
				to = "{cur}, {new}"
			}
			say(`GRANT %s ON app.t%d TO %s`, []string{"SELECT", "SELECT, UPDATE", "SELECT (a)", "UPDATE (a, b)"}[r.IntN(4)], i, to)
			say(`GRANT %s ON SEQUENCE app.s%d TO %s`, []string{"USAGE", "SELECT, UPDATE"}[r.IntN(2)], i, to)
			if grantee != "PUBLIC" {
				say(`REVOKE ALL ON FUNCTION app.f%d FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.f%d TO %s`, i, i, to)
				say(`GRANT USAGE ON SCHEMA app TO %s`, to)
			}
		}
		if some(10) {
			say(`ALTER TABLE app.t%d OWNER TO {%s}`, i, all[r.IntN(len(all))])
		}
	}
	return sql.String()
}

// bruteForce lists what {cur} has and {new} has not, from the server's own functions alone.
func bruteForce(l *lab) []string {
	l.t.Helper()
	rows, err := l.admin.Query(l.ctx(), l.fill(`
		WITH o(kind, name, oid, attnum, owner, privileges) AS (
			SELECT 'table', 'app.' || relname, oid, 0, relowner,
				'SELECT INSERT UPDATE DELETE TRUNCATE REFERENCES TRIGGER'
			FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r'
			UNION ALL
			SELECT 'column', 'app.' || relname || '.' || attname, c.oid, attnum, relowner, 'SELECT INSERT UPDATE REFERENCES'
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' AND attnum > 0
			UNION ALL
			SELECT 'sequence', 'app.' || relname, oid, 0, relowner, 'USAGE SELECT UPDATE'
			FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'S'
			UNION ALL
			SELECT 'function', 'app.' || proname || '(integer)', oid, 0, proowner, 'EXECUTE'
			FROM pg_proc WHERE pronamespace = 'app'::regnamespace
			UNION ALL
			SELECT 'schema', nspname, oid, 0, nspowner, 'USAGE CREATE' FROM pg_namespace WHERE nspname = 'app'
		),
		d AS (
			SELECT *, pg_has_role('{cur}', owner, 'USAGE') AND NOT pg_has_role('{new}', owner, 'USAGE') AS owned FROM o
		)
		SELECT 'ownership of ' || kind || ' ' || name FROM d WHERE owned AND kind <> 'column'
		UNION ALL
		SELECT p || ' on ' || kind || ' ' || name
		FROM d CROSS JOIN LATERAL unnest(string_to_array(privileges, ' ')) p
		WHERE NOT owned AND CASE kind
			WHEN 'table' THEN has_table_privilege('{cur}', oid, p) AND NOT has_table_privilege('{new}', oid, p)
			WHEN 'column' THEN has_column_privilege('{cur}', oid, attnum::smallint, p) AND NOT has_column_privilege('{new}', oid, attnum::smallint, p)
				AND NOT has_table_privilege('{cur}', oid, p)
			WHEN 'sequence' THEN has_sequence_privilege('{cur}', oid, p) AND NOT has_sequence_privilege('{new}', oid, p)
			WHEN 'function' THEN has_function_privilege('{cur}', oid, p) AND NOT has_function_privilege('{new}', oid, p)
			WHEN 'schema' THEN has_schema_privilege('{cur}', oid, p) AND NOT has_schema_privilege('{new}', oid, p)
		END
		UNION ALL
		SELECT 'membership in role ' || rolname FROM pg_roles
		WHERE rolname <> '{cur}' AND pg_has_role('{cur}', oid, 'MEMBER') AND NOT pg_has_role('{new}', oid, 'MEMBER')`))
	if err != nil {
		l.t.Fatal(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			l.t.Fatal(err)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		l.t.Fatal(err)
	}
	return all
}

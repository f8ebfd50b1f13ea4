package probe

import (
	"context"
	"encoding/json"
	"slices"
)

// Privileges asks for privileges on named objects:
//
//	probe.Privileges{
//		probe.Table("app.orders", "SELECT", "INSERT"),
//		probe.Sequence("app.orders_id_seq"),
//		probe.Function("app.total"),
//	}
//
// What counts is what the session can do as the role that it acts as: privileges of its own, of PUBLIC, of roles whose
// privileges it inherits. It takes one query, and reads no table of the application.
type Privileges []Grant

// Check returns a [MissingError] that names what is missing, objects that do not exist included, or a [QueryError].
// A name that is not well formed is a QueryError too; only correcting it helps.
func (p Privileges) Check(ctx context.Context, t Target) error {
	if err := p.Validate(); err != nil {
		return err
	}
	wants, err := json.Marshal(p.wants())
	if err != nil {
		return err
	}
	rows, err := t.Conn.Query(ctx, privilegesQuery, string(wants))
	if err != nil {
		return queryError("privileges", err)
	}
	if len(rows) == 0 {
		return nil
	}
	var rights []Right
	for _, row := range rows {
		if r := p.right(row); !slices.Contains(rights, r) { // one schema may stand for many objects
			rights = append(rights, r)
		}
	}
	return missing(rows[0][4], "", rights, 0)
}

// Validate reports a Grant that could not be asked for.
func (p Privileges) Validate() error {
	for _, g := range p {
		if err := g.validate(); err != nil {
			return err
		}
	}
	return nil
}

// want is one privilege on one object, as the query reads it.
type want struct {
	Index     int    `json:"i"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Column    string `json:"col"`
	Privilege string `json:"privilege"`
}

func (p Privileges) wants() []want {
	wants := []want{}
	for i, g := range p {
		for _, privilege := range g.privileges {
			wants = append(wants, want{i, g.kind, g.name, g.column, privilege})
		}
	}
	return wants
}

// right reads a row of privilegesQuery: the Grant's index, the privilege, what is wrong, and the schema.
func (p Privileges) right(row []string) Right {
	g, privilege, problem, schema := p[atoi(row[0])], row[1], row[2], row[3]
	if problem == "schema" {
		return Right{Privilege: "USAGE", Kind: "schema", Object: schema}
	}
	r := g.right(privilege)
	r.Absent = problem == "absent"
	return r
}

// privilegesQuery lists which of the wants ($1, a JSON array) this session does not have, with the reason: "schema"
// (it may not look into it), "absent" or "missing".
//
// The schema comes first, because to_regclass and its like fail rather than answer where they may not look.
const privilegesQuery = `
WITH want AS (
    SELECT w.*, parse_ident(w.name, w.kind <> 'function') AS part -- a function's argument types are left off
    FROM jsonb_to_recordset($1::jsonb) AS w(i int, kind text, name text, col text, privilege text)
),
place AS (
    SELECT w.*, n.oid AS schema, n.nspname,
           n.oid IS NOT NULL AND has_schema_privilege(n.oid, 'USAGE') IS NOT TRUE AS closed
    FROM want w
    LEFT JOIN pg_namespace n
      ON w.kind IN ('table', 'column', 'sequence', 'function') AND n.nspname = w.part[cardinality(w.part) - 1]
),
named AS MATERIALIZED (
    SELECT p.*,
           CASE
           WHEN closed THEN NULL
           WHEN kind IN ('table', 'column', 'sequence') THEN to_regclass(name)::oid
           WHEN kind = 'function' AND name LIKE '%)' THEN to_regprocedure(name)::oid
           WHEN kind = 'function' THEN to_regproc(name)::oid
           WHEN kind = 'schema' THEN (SELECT oid FROM pg_namespace WHERE nspname = part[1])
           WHEN kind = 'database' THEN (SELECT oid FROM pg_database WHERE datname = part[1])
           WHEN kind = 'role' THEN (SELECT oid FROM pg_roles WHERE rolname = part[1])
           END AS named
    FROM place p
),
object AS MATERIALIZED (
    SELECT n.*,
           CASE
           WHEN kind IN ('table', 'column') THEN
               (SELECT oid FROM pg_class c WHERE c.oid = named AND c.relkind IN ('r', 'p', 'v', 'm', 'f'))
           WHEN kind = 'sequence' THEN
               (SELECT oid FROM pg_class c WHERE c.oid = named AND c.relkind = 'S')
           ELSE named
           END AS oid,
           (SELECT attnum FROM pg_attribute a
            WHERE kind = 'column' AND a.attrelid = named AND NOT a.attisdropped
              AND a.attname = (parse_ident(nullif(col, '')))[1]) AS attnum
    FROM named n
),
answer AS (
    SELECT o.*,
           CASE kind
           WHEN 'table' THEN has_table_privilege(oid, privilege)
           WHEN 'column' THEN has_column_privilege(oid, attnum, privilege)
           WHEN 'sequence' THEN has_sequence_privilege(oid, privilege)
           WHEN 'schema' THEN has_schema_privilege(oid, privilege)
           WHEN 'function' THEN has_function_privilege(oid, privilege)
           WHEN 'database' THEN has_database_privilege(oid, privilege)
           WHEN 'role' THEN pg_has_role(session_user, oid,
               CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
           END AS held
    FROM object o
)
SELECT i::text,
       privilege,
       CASE WHEN closed THEN 'schema' WHEN held IS NULL THEN 'absent' ELSE 'missing' END,
       quote_ident(nspname),
       session_user::text
FROM answer
WHERE held IS NOT TRUE
ORDER BY i, privilege COLLATE "C"`

package probe

import (
	"fmt"
	"slices"
	"strings"
)

// objectBranch is the part of objectsQuery that reads one catalogue.
type objectBranch struct {
	class  string       // the catalogue, as classesQuery names it
	column bool         // about columns
	kinds  []objectKind // that the query gives
	query  string
}

// objectKind is a kind of object that has privileges.
type objectKind struct {
	name       string
	privileges string // an SQL array
	has        string // asks whether the role @ has the privilege p.name on the object m
	besides    string // what else must hold for a lack of it to be named
}

// objectBranches list the objects of each class that depend on a lost role. Columns: rank (for the order of errors),
// kind, schema, owner, access list, a column's access list, OID, column number, name, column name.
var objectBranches = []objectBranch{
	{
		class: "pg_namespace",
		kinds: []objectKind{
			{name: "schema", privileges: `'{USAGE,CREATE}'::text[]`, has: `has_schema_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 1, 'schema', ''::text, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), '{}'::aclitem[],
           n.oid, 0, n.nspname::text, NULL::text
    FROM pg_namespace n
    WHERE n.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_namespace'::regclass)`,
	},
	{
		class: "pg_class",
		kinds: []objectKind{
			{name: "table", privileges: tablePrivileges, has: `has_table_privilege(@, m.oid, p.name)`},
			{name: "sequence", privileges: `'{USAGE,SELECT,UPDATE}'::text[]`, has: `has_sequence_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT CASE c.relkind WHEN 'S' THEN 4 ELSE 2 END, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
           n.nspname, c.relowner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)),
           '{}'::aclitem[], c.oid, 0, c.relname, NULL
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' -- temporary: another session's
      AND c.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_class'::regclass AND objsubid = 0)`,
	},
	{
		class:  "pg_class",
		column: true,
		kinds: []objectKind{
			{
				name: "column", privileges: `'{SELECT,INSERT,UPDATE,REFERENCES}'::text[]`,
				has:     `has_column_privilege(@, m.oid, m.attnum::smallint, p.name)`,
				besides: ` AND NOT has_table_privilege($2::oid, m.oid, p.name)`, // which is named instead
			},
		},
		query: `
    SELECT 3, 'column', n.nspname, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)),
           coalesce(a.attacl, '{}'), c.oid, a.attnum, c.relname, a.attname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relpersistence <> 't'
      AND (c.oid, a.attnum) IN (SELECT objid, objsubid FROM dependent WHERE classid = 'pg_class'::regclass)`,
	},
	{
		class: "pg_proc",
		kinds: []objectKind{
			{name: "function", privileges: `'{EXECUTE}'::text[]`, has: `has_function_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 5, 'function', n.nspname, f.proowner, coalesce(f.proacl, acldefault('f', f.proowner)), '{}'::aclitem[],
           f.oid, 0, f.proname, NULL
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE n.nspname !~ '^pg_temp_'
      AND f.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_proc'::regclass)`,
	},
	{
		class: "pg_type",
		kinds: []objectKind{
			{name: "type", privileges: `'{USAGE}'::text[]`, has: `has_type_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 6, 'type', n.nspname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), '{}'::aclitem[],
           t.oid, 0, t.typname, NULL
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname !~ '^pg_temp_'
      AND t.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_type'::regclass)`,
	},
	{
		class: "pg_language",
		kinds: []objectKind{
			{name: "language", privileges: `'{USAGE}'::text[]`, has: `has_language_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 7, 'language', '', l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)), '{}'::aclitem[],
           l.oid, 0, l.lanname, NULL
    FROM pg_language l
    WHERE l.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_language'::regclass)`,
	},
	{
		class: "pg_foreign_data_wrapper",
		kinds: []objectKind{
			{name: "foreign-data wrapper", privileges: `'{USAGE}'::text[]`, has: `has_foreign_data_wrapper_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 8, 'foreign-data wrapper', '', w.fdwowner, coalesce(w.fdwacl, acldefault('F', w.fdwowner)), '{}'::aclitem[],
           w.oid, 0, w.fdwname, NULL
    FROM pg_foreign_data_wrapper w
    WHERE w.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_foreign_data_wrapper'::regclass)`,
	},
	{
		class: "pg_foreign_server",
		kinds: []objectKind{
			{name: "foreign server", privileges: `'{USAGE}'::text[]`, has: `has_server_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 9, 'foreign server', '', s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner)), '{}'::aclitem[],
           s.oid, 0, s.srvname, NULL
    FROM pg_foreign_server s
    WHERE s.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_foreign_server'::regclass)`,
	},
	{
		class: "pg_tablespace",
		kinds: []objectKind{
			{name: "tablespace", privileges: `'{CREATE}'::text[]`, has: `has_tablespace_privilege(@, m.oid, p.name)`},
		},
		query: `
    SELECT 10, 'tablespace', '', t.spcowner, coalesce(t.spcacl, acldefault('t', t.spcowner)), '{}'::aclitem[],
           t.oid, 0, t.spcname, NULL
    FROM pg_tablespace t
    WHERE t.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_tablespace'::regclass)`,
	},
	{
		class: "pg_largeobject",
		query: `
    SELECT 11, 'large object', '', o.lomowner, '{}'::aclitem[], '{}'::aclitem[], o.oid, 0, o.oid::text, NULL
    FROM pg_largeobject_metadata o
    WHERE o.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_largeobject'::regclass)`,
	},
}

// otherBranches find what is not a privilege: the lines of objectsQuery's missing as they are, in the columns rank,
// kind, privilege, schema, name, column name, OID.
var otherBranches = []objectBranch{
	// A policy lets the one role see rows, and none for the same command is there for the other. That does not matter
	// to who is exempt.
	{
		class: "pg_policy",
		query: `
    SELECT 12, 'policy', 'access', n.nspname, c.relname, y.polname, y.oid
    FROM pg_policy y
    JOIN pg_class c ON c.oid = y.polrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles r ON r.oid = $3::oid
    WHERE y.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_policy'::regclass)
      AND c.relrowsecurity AND y.polpermissive AND NOT (r.rolsuper OR r.rolbypassrls)
      AND (c.relforcerowsecurity OR NOT pg_has_role($3::oid, c.relowner, 'USAGE'))
      AND NOT EXISTS (
          SELECT FROM pg_policy other CROSS JOIN LATERAL unnest(other.polroles) AS applies(role)
          WHERE other.polrelid = y.polrelid AND other.polpermissive AND other.polcmd IN (y.polcmd, '*')
            AND CASE applies.role WHEN 0 THEN true ELSE pg_has_role($3::oid, applies.role, 'USAGE') END)`,
	},
	// User mappings are looked up for the acting role itself, then for PUBLIC.
	{
		class: "pg_user_mapping",
		query: `
    SELECT 13, 'foreign server', 'user mapping', '', m.srvname, NULL, m.srvid
    FROM pg_user_mappings m
    WHERE m.umuser = $2::oid AND $2::oid <> $3::oid
      AND NOT EXISTS (SELECT FROM pg_user_mappings o WHERE o.srvid = m.srvid AND o.umuser IN ($3::oid, 0))`,
	},
}

// objectsQuery lists what the role $2 may do and the role $3 may not, on the objects that depend on one of the lost
// roles $1. Its gaps are filled for the classes that classesQuery found: a query that mentions all of them takes longer
// to plan than most take to run.
//
// Objects of the same kind, schema, owner and access list are alike to has_*_privilege, so that one of them answers
// for all: ten thousand tables granted alike take one answer a privilege. An object that vanishes meanwhile gives NULL,
// and the next one answers. An owner's standing includes every privilege, so that it alone is named.
const objectsQuery = `
WITH dependent AS NOT MATERIALIZED (
    SELECT classid, objid, objsubid
    FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = ANY ($1::oid[])
      AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
),
object(rank, kind, schema, owner, acl, column_acl, oid, attnum, name, "column") AS MATERIALIZED (` + objectsGap + `
),
privilege(kind, names) AS (
    VALUES (''::text, '{}'::text[])` + privilegesGap + `
),
alike AS (
    SELECT kind, schema, owner, acl, column_acl, array_agg(oid) AS oids, array_agg(attnum) AS attnums
    FROM object
    WHERE owner <> ALL ($1::oid[])
    GROUP BY kind, schema, owner, acl, column_acl
),
denied AS MATERIALIZED (
    SELECT a.kind, a.schema, a.owner, a.acl, a.column_acl, p.name AS privilege
    FROM alike a
    JOIN privilege v ON v.kind = a.kind
    CROSS JOIN LATERAL unnest(v.names) AS p(name)
    WHERE (
        SELECT answer.missing
        FROM unnest(a.oids, a.attnums) AS m(oid, attnum)
        CROSS JOIN LATERAL (
            SELECT CASE a.kind
                WHEN '' THEN $2::oid = $3::oid -- never: each parameter must stand somewhere` + answersGap + `
            END AS missing
        ) AS answer
        WHERE answer.missing IS NOT NULL
        LIMIT 1
    )
),
missing(rank, kind, privilege, schema, name, "column", oid) AS (
    SELECT rank, kind, 'ownership', schema, name, "column", oid
    FROM object
    WHERE owner = ANY ($1::oid[]) AND kind <> 'column'
    UNION ALL
    SELECT o.rank, o.kind, d.privilege, o.schema, o.name, o."column", o.oid
    FROM denied d JOIN object o USING (kind, schema, owner, acl, column_acl)` + othersGap + `
),
first AS (
    SELECT *, count(*) OVER () AS total
    FROM missing
    ORDER BY rank, schema COLLATE "C", name COLLATE "C", "column" COLLATE "C", oid, privilege COLLATE "C"
    LIMIT 10
)
SELECT kind,
       privilege,
       concat_ws('.', quote_ident(nullif(schema, '')), quote_ident(name), quote_ident("column"))
           || CASE kind WHEN 'function' THEN '(' || coalesce(pg_get_function_identity_arguments(oid), '') || ')'
                        ELSE '' END,
       total::text
FROM first`

// The gaps of objectsQuery.
const (
	objectsGap    = "\n    -- objects"
	privilegesGap = "\n    -- privileges"
	answersGap    = "\n    -- answers"
	othersGap     = "\n    -- others"
)

// tablePrivileges grew in PostgreSQL 17.
const tablePrivileges = `'{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'::text[] ||
           CASE WHEN current_setting('server_version_num')::int >= 170000 THEN '{MAINTAIN}' ELSE '{}' END::text[]`

// class is a row of classesQuery.
type class struct {
	name   string
	column bool
}

// objectsQueryFor returns objectsQuery for the classes at hand, and the empty string if they need none.
func objectsQueryFor(classes []class) string {
	objects, others := branchesFor(objectBranches, classes), branchesFor(otherBranches, classes)
	if len(objects)+len(others) == 0 {
		return ""
	}
	if len(objects) == 0 {
		objects = objectBranches[:1] // there must be one, and it finds nothing
	}
	return strings.NewReplacer(
		objectsGap, unionOf(objects),
		privilegesGap, privilegesOfKinds(objects),
		answersGap, answersOfKinds(objects),
		othersGap, continued(others),
	).Replace(objectsQuery)
}

const unionAll = "\n    UNION ALL"

func unionOf(branches []objectBranch) string {
	var queries []string
	for _, b := range branches {
		queries = append(queries, b.query)
	}
	return strings.Join(queries, unionAll)
}

// continued is unionOf, to stand behind another query.
func continued(branches []objectBranch) string {
	if len(branches) == 0 {
		return ""
	}
	return unionAll + unionOf(branches)
}

// privilegesOfKinds continues the list of kinds and their privileges.
func privilegesOfKinds(branches []objectBranch) string {
	var list strings.Builder
	for _, b := range branches {
		for _, k := range b.kinds {
			fmt.Fprintf(&list, ",\n           ('%s', %s)", k.name, k.privileges)
		}
	}
	return list.String()
}

// answersOfKinds continues the CASE that asks whether a privilege is missing.
func answersOfKinds(branches []objectBranch) string {
	var list strings.Builder
	for _, b := range branches {
		for _, k := range b.kinds {
			fmt.Fprintf(&list, "\n                WHEN '%s' THEN NOT %s AND %s%s", k.name,
				strings.Replace(k.has, "@", "$3::oid", 1), strings.Replace(k.has, "@", "$2::oid", 1), k.besides)
		}
	}
	return list.String()
}

func branchesFor(branches []objectBranch, classes []class) []objectBranch {
	var chosen []objectBranch
	for _, b := range branches {
		if slices.Contains(classes, class{name: b.class, column: b.column}) {
			chosen = append(chosen, b)
		}
	}
	return chosen
}

package probe

import "strings"

// objectBranch is the part of objectsQuery that reads one catalogue.
type objectBranch struct {
	class  string // the catalogue, as classesQuery names it
	column bool   // about columns
	query  string
}

// objectBranches list the objects of each class that depend on a lost role. Columns: rank (for the order of errors),
// kind, schema, owner, access list, a column's access list, OID, column number, name, column name.
var objectBranches = []objectBranch{
	{class: "pg_namespace", query: `
    SELECT 1, 'schema', ''::text, n.nspowner, coalesce(n.nspacl, acldefault('n', n.nspowner)), '{}'::aclitem[],
           n.oid, 0, n.nspname::text, NULL::text
    FROM pg_namespace n
    WHERE n.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_namespace'::regclass)`},
	{class: "pg_class", query: `
    SELECT CASE c.relkind WHEN 'S' THEN 4 ELSE 2 END, CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'table' END,
           n.nspname, c.relowner,
           coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner)),
           '{}'::aclitem[], c.oid, 0, c.relname, NULL
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relpersistence <> 't' -- temporary: another session's
      AND c.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_class'::regclass AND objsubid = 0)`},
	{class: "pg_class", column: true, query: `
    SELECT 3, 'column', n.nspname, c.relowner, coalesce(c.relacl, acldefault('r', c.relowner)),
           coalesce(a.attacl, '{}'), c.oid, a.attnum, c.relname, a.attname
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relpersistence <> 't'
      AND (c.oid, a.attnum) IN (SELECT objid, objsubid FROM dependent WHERE classid = 'pg_class'::regclass)`},
	{class: "pg_proc", query: `
    SELECT 5, 'function', n.nspname, f.proowner, coalesce(f.proacl, acldefault('f', f.proowner)), '{}'::aclitem[],
           f.oid, 0, f.proname, NULL
    FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
    WHERE n.nspname !~ '^pg_temp_'
      AND f.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_proc'::regclass)`},
	{class: "pg_type", query: `
    SELECT 6, 'type', n.nspname, t.typowner, coalesce(t.typacl, acldefault('T', t.typowner)), '{}'::aclitem[],
           t.oid, 0, t.typname, NULL
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
    WHERE n.nspname !~ '^pg_temp_'
      AND t.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_type'::regclass)`},
	{class: "pg_language", query: `
    SELECT 7, 'language', '', l.lanowner, coalesce(l.lanacl, acldefault('l', l.lanowner)), '{}'::aclitem[],
           l.oid, 0, l.lanname, NULL
    FROM pg_language l
    WHERE l.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_language'::regclass)`},
	{class: "pg_foreign_data_wrapper", query: `
    SELECT 8, 'foreign-data wrapper', '', w.fdwowner, coalesce(w.fdwacl, acldefault('F', w.fdwowner)), '{}'::aclitem[],
           w.oid, 0, w.fdwname, NULL
    FROM pg_foreign_data_wrapper w
    WHERE w.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_foreign_data_wrapper'::regclass)`},
	{class: "pg_foreign_server", query: `
    SELECT 9, 'foreign server', '', s.srvowner, coalesce(s.srvacl, acldefault('S', s.srvowner)), '{}'::aclitem[],
           s.oid, 0, s.srvname, NULL
    FROM pg_foreign_server s
    WHERE s.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_foreign_server'::regclass)`},
	{class: "pg_tablespace", query: `
    SELECT 10, 'tablespace', '', t.spcowner, coalesce(t.spcacl, acldefault('t', t.spcowner)), '{}'::aclitem[],
           t.oid, 0, t.spcname, NULL
    FROM pg_tablespace t
    WHERE t.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_tablespace'::regclass)`},
	{class: "pg_largeobject", query: `
    SELECT 11, 'large object', '', o.lomowner, '{}'::aclitem[], '{}'::aclitem[], o.oid, 0, o.oid::text, NULL
    FROM pg_largeobject_metadata o
    WHERE o.oid IN (SELECT objid FROM dependent WHERE classid = 'pg_largeobject'::regclass)`},
}

// otherBranches find what is not a privilege: the lines of objectsQuery's missing as they are, in the columns rank,
// kind, privilege, schema, name, column name, OID.
var otherBranches = []objectBranch{
	// A policy lets the one role see rows, and none for the same command is there for the other. That does not matter
	// to who is exempt.
	{class: "pg_policy", query: `
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
            AND CASE applies.role WHEN 0 THEN true ELSE pg_has_role($3::oid, applies.role, 'USAGE') END)`},
	// User mappings are looked up for the acting role itself, then for PUBLIC.
	{class: "pg_user_mapping", query: `
    SELECT 13, 'foreign server', 'user mapping', '', m.srvname, NULL, m.srvid
    FROM pg_user_mappings m
    WHERE m.umuser = $2::oid AND $2::oid <> $3::oid
      AND NOT EXISTS (SELECT FROM pg_user_mappings o WHERE o.srvid = m.srvid AND o.umuser IN ($3::oid, 0))`},
}

// objectsQuery lists what the role $2 may do and the role $3 may not, on the objects that depend on one of the lost
// roles $1. Its two gaps are filled with the branches of the classes that classesQuery found.
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
    VALUES ('schema', '{USAGE,CREATE}'::text[]),
           ('table', '{SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES,TRIGGER}'
               || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN '{MAINTAIN}' ELSE '{}' END::text[]),
           ('column', '{SELECT,INSERT,UPDATE,REFERENCES}'),
           ('sequence', '{USAGE,SELECT,UPDATE}'),
           ('function', '{EXECUTE}'),
           ('type', '{USAGE}'),
           ('language', '{USAGE}'),
           ('foreign-data wrapper', '{USAGE}'),
           ('foreign server', '{USAGE}'),
           ('tablespace', '{CREATE}')
),
alike AS (
    SELECT kind, schema, owner, acl, column_acl, array_agg(oid) AS oids, array_agg(attnum) AS attnums
    FROM object
    WHERE owner <> ALL ($1::oid[])
    GROUP BY kind, schema, owner, acl, column_acl
),
denied AS (
    SELECT a.kind, a.schema, a.owner, a.acl, a.column_acl, p.name AS privilege
    FROM alike a
    JOIN privilege v ON v.kind = a.kind
    CROSS JOIN LATERAL unnest(v.names) AS p(name)
    WHERE (
        SELECT answer.missing
        FROM unnest(a.oids, a.attnums) AS m(oid, attnum)
        CROSS JOIN LATERAL (
            SELECT CASE a.kind
            WHEN 'schema' THEN NOT has_schema_privilege($3::oid, m.oid, p.name)
                AND has_schema_privilege($2::oid, m.oid, p.name)
            WHEN 'table' THEN NOT has_table_privilege($3::oid, m.oid, p.name)
                AND has_table_privilege($2::oid, m.oid, p.name)
            WHEN 'column' THEN NOT has_column_privilege($3::oid, m.oid, m.attnum::smallint, p.name)
                AND has_column_privilege($2::oid, m.oid, m.attnum::smallint, p.name)
                AND NOT has_table_privilege($2::oid, m.oid, p.name) -- which is named instead
            WHEN 'sequence' THEN NOT has_sequence_privilege($3::oid, m.oid, p.name)
                AND has_sequence_privilege($2::oid, m.oid, p.name)
            WHEN 'function' THEN NOT has_function_privilege($3::oid, m.oid, p.name)
                AND has_function_privilege($2::oid, m.oid, p.name)
            WHEN 'type' THEN NOT has_type_privilege($3::oid, m.oid, p.name)
                AND has_type_privilege($2::oid, m.oid, p.name)
            WHEN 'language' THEN NOT has_language_privilege($3::oid, m.oid, p.name)
                AND has_language_privilege($2::oid, m.oid, p.name)
            WHEN 'foreign-data wrapper' THEN NOT has_foreign_data_wrapper_privilege($3::oid, m.oid, p.name)
                AND has_foreign_data_wrapper_privilege($2::oid, m.oid, p.name)
            WHEN 'foreign server' THEN NOT has_server_privilege($3::oid, m.oid, p.name)
                AND has_server_privilege($2::oid, m.oid, p.name)
            WHEN 'tablespace' THEN NOT has_tablespace_privilege($3::oid, m.oid, p.name)
                AND has_tablespace_privilege($2::oid, m.oid, p.name)
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
	objectsGap = "\n    -- objects"
	othersGap  = "\n    -- others"
)

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
		objects = []string{emptyObjects}
	}
	query := strings.Replace(objectsQuery, objectsGap, strings.Join(objects, "\n    UNION ALL"), 1)
	return strings.Replace(query, othersGap, strings.Join(append([]string{""}, others...), "\n    UNION ALL"), 1)
}

// emptyObjects stands where there are only policies or user mappings.
var emptyObjects = objectBranches[0].query + ` AND false`

func branchesFor(branches []objectBranch, classes []class) []string {
	var queries []string
	for _, b := range branches {
		for _, c := range classes {
			if b.class == c.name && b.column == c.column {
				queries = append(queries, b.query)
			}
		}
	}
	return queries
}

package probe

// The queries of Parity. All columns are cast to text, and all arguments from text, so that any driver can run them.
// They are written for a connection that has just been made, whose caches are empty: on such a one, each further
// catalogue that a query mentions costs more than reading it. They rely on pg_catalog being searched first, which it
// is unless a search_path names it elsewhere.

// loginsQuery describes the new login (the session's), the login in use ($1) and every role that either may be
// configured to act as.
const loginsQuery = `
SELECT r.rolname::text,
       r.oid::text,
       (r.rolname = session_user)::text,
       (r.rolname = current_user)::text,
       (r.rolname = $1::name)::text,
       array_to_string(ARRAY[
           CASE WHEN r.rolsuper THEN 'SUPERUSER' END,
           CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN r.rolcreatedb THEN 'CREATEDB' END,
           CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
           CASE WHEN r.rolreplication THEN 'REPLICATION' END], ' '),
       array_to_string(ARRAY[
           CASE WHEN pg_has_role(r.oid, d.datdba, 'USAGE') THEN 'ownership' END,
           CASE WHEN has_database_privilege(r.oid, d.oid, 'CREATE') THEN 'CREATE' END,
           CASE WHEN has_database_privilege(r.oid, d.oid, 'TEMPORARY') THEN 'TEMPORARY' END,
           CASE WHEN has_database_privilege(r.oid, d.oid, 'CONNECT') THEN 'CONNECT' END], ' '),
       pg_has_role(session_user, r.oid, mode.set_role)::text,
       pg_has_role((SELECT oid FROM pg_roles WHERE rolname = $1::name), r.oid, mode.set_role)::text,
       -- What ALTER ROLE and ALTER DATABASE … SET configure for sessions of the role, the more particular first.
       (SELECT json_agg(c ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC)
        FROM pg_db_role_setting s CROSS JOIN LATERAL unnest(s.setconfig) AS c
        WHERE s.setrole IN (0, r.oid) AND s.setdatabase IN (0, d.oid)
          AND split_part(c, '=', 1) IN ('role', 'search_path', 'default_transaction_read_only'))::text,
       (to_regnamespace(quote_ident(r.rolname)) IS NOT NULL)::text,
       quote_ident(d.datname),
       current_setting('search_path'),
       current_setting('default_transaction_read_only')
FROM pg_roles r
JOIN pg_database d ON d.datname = current_database()
CROSS JOIN (
    SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
) AS mode(set_role)
WHERE r.rolname IN (session_user, current_user, $1::name)
   OR 'role=' || r.rolname IN (SELECT unnest(setconfig) FROM pg_db_role_setting)`

// settingsQuery says of the compared settings whether this session got them from its client rather than from the
// server's configuration, and what they are where nobody configures them.
const settingsQuery = `
SELECT name,
       (source NOT IN ('default', 'environment variable', 'configuration file', 'command line',
                       'global', 'database', 'user', 'database user'))::text,
       boot_val
FROM pg_settings
WHERE name IN ('search_path', 'default_transaction_read_only')`

// rolesQuery lists the roles that the login in use ($1, acting as $2) is a member of, directly or not, but the new
// login ($3, acting as $4) is not: whether SET ROLE reaches them, and whether their privileges apply without it.
//
// The members are followed whatever their options, and pg_has_role then decides by the server's own rules, which
// differ between versions (INHERIT belonged to the role before PostgreSQL 16 and belongs to the grant since). A role
// that vanishes meanwhile gives NULL and is left out.
//
// The privileges of predefined roles are not in any object's access list, so that only the role itself can be named.
const rolesQuery = `
WITH RECURSIVE reach(oid) AS (
    SELECT unnest(ARRAY[$1::oid, $2::oid])
    UNION
    SELECT m.roleid FROM reach JOIN pg_auth_members m ON m.member = reach.oid
),
diff AS (
    SELECT reach.oid,
           reach.oid <> $1::oid
               AND pg_has_role($1::oid, reach.oid, mode.set_role)
               AND NOT pg_has_role($3::oid, reach.oid, mode.set_role) AS unreachable,
           pg_has_role($2::oid, reach.oid, 'USAGE')
               AND NOT pg_has_role($4::oid, reach.oid, 'USAGE') AS lost
    FROM reach
    CROSS JOIN (
        SELECT CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
    ) AS mode(set_role)
)
SELECT oid::text,
       quote_ident(pg_get_userbyid(oid)),
       (unreachable OR lost AND oid < 16384)::text, -- the first OID that is not predefined
       lost::text
FROM diff
WHERE unreachable OR lost
ORDER BY pg_get_userbyid(oid)::text COLLATE "C"`

// classesQuery lists the catalogues, and whether it is about columns, that hold objects which depend on one of the
// roles $1: as owner, in their access list or in a policy. pg_shdepend knows these objects through an index, so that
// the cost is that of what mentions the roles, not that of all there is. The database is asked about elsewhere.
const classesQuery = `
SELECT (SELECT relname FROM pg_class WHERE oid = classid)::text, "column"::text
FROM (
    SELECT DISTINCT classid, classid = 'pg_class'::regclass AND objsubid <> 0 AS "column"
    FROM pg_shdepend
    WHERE refclassid = 'pg_authid'::regclass AND refobjid = ANY ($1::oid[])
      AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
) AS class`

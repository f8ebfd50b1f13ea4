package probe_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

func TestParity(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		setup string
		want  []string // empty: parity holds
		since int      // the first major version of PostgreSQL that knows what the case is about
	}{
		{name: "two logins without grants"},
		{
			name:  "the same grants",
			setup: `GRANT SELECT, INSERT ON app.orders TO {cur}, {new}`,
		},
		{
			name:  "more than the login in use",
			setup: `GRANT SELECT ON app.orders TO {cur}; GRANT SELECT, INSERT ON app.orders TO {new}`,
		},
		{
			name:  "table",
			setup: `GRANT SELECT, INSERT, UPDATE ON app.orders TO {cur}; GRANT INSERT ON app.orders TO {new}`,
			want:  []string{"SELECT on table app.orders", "UPDATE on table app.orders"},
		},
		{
			name: "views, partitioned tables and materialized views",
			setup: `CREATE VIEW app.v AS SELECT 1; CREATE MATERIALIZED VIEW app.m AS SELECT 1;
				CREATE TABLE app.p (i int) PARTITION BY RANGE (i);
				GRANT SELECT ON app.v, app.m, app.p TO {cur}`,
			want: []string{"SELECT on table app.m", "SELECT on table app.p", "SELECT on table app.v"},
		},
		{
			name: "foreign table, server, wrapper and user mapping",
			setup: `CREATE FOREIGN DATA WRAPPER {fdw}; CREATE SERVER {srv} FOREIGN DATA WRAPPER {fdw};
				CREATE FOREIGN TABLE app.f (i int) SERVER {srv};
				CREATE USER MAPPING FOR {cur} SERVER {srv};
				GRANT SELECT ON app.f TO {cur};
				GRANT USAGE ON FOREIGN DATA WRAPPER {fdw} TO {cur}; GRANT USAGE ON FOREIGN SERVER {srv} TO {cur}`,
			want: []string{"SELECT on table app.f", "USAGE on foreign-data wrapper {fdw}",
				"USAGE on foreign server {srv}", "user mapping on foreign server {srv}"},
		},
		{
			name: "a user mapping for everybody",
			setup: `CREATE FOREIGN DATA WRAPPER {fdw}; CREATE SERVER {srv} FOREIGN DATA WRAPPER {fdw};
				CREATE USER MAPPING FOR {cur} SERVER {srv}; CREATE USER MAPPING FOR PUBLIC SERVER {srv}`,
		},
		{
			name: "a user mapping is not inherited",
			setup: `CREATE FOREIGN DATA WRAPPER {fdw}; CREATE SERVER {srv} FOREIGN DATA WRAPPER {fdw};
				CREATE USER MAPPING FOR {cur} SERVER {srv}; GRANT {cur} TO {new}`,
			want: []string{"user mapping on foreign server {srv}"},
		},
		{
			name:  "column",
			setup: `GRANT SELECT (id, total), UPDATE (note) ON app.orders TO {cur}; GRANT SELECT (id) ON app.orders TO {new}`,
			want:  []string{"UPDATE on column app.orders.note", "SELECT on column app.orders.total"},
		},
		{
			name:  "a column's privilege follows from the table's",
			setup: `GRANT SELECT (id) ON app.orders TO {cur}; GRANT SELECT ON app.orders TO {new}`,
		},
		{
			name:  "a table's privilege does not follow from its columns'",
			setup: `GRANT SELECT ON app.orders TO {cur}; GRANT SELECT (id, total, note) ON app.orders TO {new}`,
			want:  []string{"SELECT on table app.orders"},
		},
		{
			name:  "sequence",
			setup: `GRANT USAGE, SELECT ON SEQUENCE app.orders_id_seq TO {cur}; GRANT SELECT ON SEQUENCE app.orders_id_seq TO {new}`,
			want:  []string{"USAGE on sequence app.orders_id_seq"},
		},
		{
			name:  "schema",
			setup: `REVOKE USAGE ON SCHEMA app FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA app TO {cur}`,
			want:  []string{"CREATE on schema app", "USAGE on schema app"},
		},
		{
			name: "function that PUBLIC may call",
			setup: `CREATE FUNCTION app.f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
				GRANT EXECUTE ON FUNCTION app.f TO {cur}`,
		},
		{
			name: "function that PUBLIC may not call",
			setup: `CREATE FUNCTION app.f(a int, b text) RETURNS int LANGUAGE sql AS 'SELECT 1';
				CREATE PROCEDURE app.p() LANGUAGE sql AS 'SELECT 1';
				REVOKE EXECUTE ON FUNCTION app.f FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.f TO {cur};
				REVOKE EXECUTE ON PROCEDURE app.p FROM PUBLIC; GRANT EXECUTE ON PROCEDURE app.p TO {cur}`,
			want: []string{"EXECUTE on function app.f(a integer, b text)", "EXECUTE on function app.p()"},
		},
		{
			name:  "function of the system",
			setup: `GRANT EXECUTE ON FUNCTION pg_read_file(text) TO {cur}`,
			want:  []string{"EXECUTE on function pg_catalog.pg_read_file(text)"},
		},
		{
			name:  "database",
			setup: `GRANT TEMPORARY, CREATE ON DATABASE {db} TO {cur}`,
			want:  []string{"CREATE on database {db}", "TEMPORARY on database {db}"},
		},
		{
			name: "type and language",
			setup: `CREATE TYPE app.mood AS ENUM ('good'); REVOKE USAGE ON TYPE app.mood FROM PUBLIC;
				GRANT USAGE ON TYPE app.mood TO {cur};
				REVOKE USAGE ON LANGUAGE sql FROM PUBLIC; GRANT USAGE ON LANGUAGE sql TO {cur}`,
			want: []string{"USAGE on type app.mood", "USAGE on language sql"},
		},
		{
			name:  "language alone",
			setup: `REVOKE USAGE ON LANGUAGE sql FROM PUBLIC; GRANT USAGE ON LANGUAGE sql TO {cur}`,
			want:  []string{"USAGE on language sql"},
		},
		{
			name:  "wrapper alone",
			setup: `CREATE FOREIGN DATA WRAPPER {fdw}; GRANT USAGE ON FOREIGN DATA WRAPPER {fdw} TO {cur}`,
			want:  []string{"USAGE on foreign-data wrapper {fdw}"},
		},
		{
			name:  "tablespace",
			setup: `GRANT CREATE ON TABLESPACE pg_default TO {cur}`,
			want:  []string{"CREATE on tablespace pg_default"},
		},
		{
			name:  "through a common group",
			setup: `CREATE ROLE {grp}; GRANT ALL ON app.orders TO {grp}; GRANT {grp} TO {cur}, {new}`,
		},
		{
			name:  "a group's grants held directly, but not the membership",
			setup: `CREATE ROLE {grp}; GRANT SELECT ON app.orders TO {grp}, {new}; GRANT {grp} TO {cur}`,
			want:  []string{"membership in role {grp}"},
		},
		{
			name: "through a group of groups",
			setup: `CREATE ROLE {grp}; CREATE ROLE {top}; GRANT {top} TO {grp}; GRANT {grp} TO {cur};
				GRANT SELECT ON app.orders TO {top}; GRANT INSERT ON app.orders TO {grp}`,
			want: []string{"membership in role {grp}", "membership in role {top}",
				"INSERT on table app.orders", "SELECT on table app.orders"},
		},
		{
			name: "NOINHERIT: reached by SET ROLE only",
			setup: `CREATE ROLE {grp}; ALTER ROLE {cur} NOINHERIT; GRANT {grp} TO {cur};
				GRANT SELECT ON app.orders TO {grp}`,
			want: []string{"membership in role {grp}"},
		},
		{
			name: "NOINHERIT: the new login reaches by SET ROLE only what the one in use has at once",
			setup: `CREATE ROLE {grp}; ALTER ROLE {new} NOINHERIT; GRANT {grp} TO {cur}, {new};
				GRANT SELECT ON app.orders TO {grp}`,
			want: []string{"SELECT on table app.orders"},
		},
		{
			name:  "member of the login in use",
			setup: `GRANT SELECT ON app.orders TO {cur}; CREATE TABLE app.mine (); ALTER TABLE app.mine OWNER TO {cur}; GRANT {cur} TO {new}`,
		},
		{
			name:  "the login in use is a member of the new one",
			setup: `GRANT SELECT ON app.orders TO {new}; GRANT {new} TO {cur}`,
		},
		{
			name: "owner",
			setup: `ALTER TABLE app.orders OWNER TO {cur}; GRANT ALL ON app.orders TO {new};
				CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION app.f OWNER TO {cur};
				CREATE TYPE app.mood AS ENUM ('good'); ALTER TYPE app.mood OWNER TO {cur};
				ALTER SCHEMA app OWNER TO {cur}; ALTER DATABASE {db} OWNER TO {cur}; GRANT CONNECT ON DATABASE {db} TO {new}`,
			want: []string{"ownership of database {db}", "ownership of schema app", "ownership of table app.orders",
				"ownership of sequence app.orders_id_seq", "ownership of function app.f()", "ownership of type app.mood"},
		},
		{
			name: "owner through a common role",
			setup: `CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER DATABASE {db} OWNER TO {own};
				GRANT {own} TO {cur}, {new}`,
		},
		{
			name:  "large object",
			setup: `SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO {cur}`,
			want:  []string{`ownership of large object "4711"`},
		},
		{
			name:  "superuser",
			setup: `ALTER ROLE {cur} SUPERUSER; GRANT SELECT ON app.orders TO {cur}`,
			want:  []string{"SUPERUSER"},
		},
		{
			name: "the new login is a superuser",
			setup: `ALTER ROLE {new} SUPERUSER; ALTER ROLE {cur} BYPASSRLS CREATEDB; GRANT SELECT ON app.orders TO {cur};
				CREATE ROLE {grp}; GRANT {grp} TO {cur}; ALTER TABLE app.orders OWNER TO {cur}`,
		},
		{
			name:  "attributes",
			setup: `ALTER ROLE {cur} BYPASSRLS CREATEDB CREATEROLE REPLICATION`,
			want:  []string{"CREATEROLE", "CREATEDB", "BYPASSRLS", "REPLICATION"},
		},
		{
			name:  "predefined role",
			setup: `GRANT pg_monitor TO {cur}`,
			want: []string{"membership in role pg_monitor", "membership in role pg_read_all_settings",
				"membership in role pg_read_all_stats", "membership in role pg_stat_scan_tables"},
		},
		{
			name: "names that need quoting",
			setup: `CREATE SCHEMA "My ""App"; GRANT USAGE ON SCHEMA "My ""App" TO {cur};
				CREATE TABLE "My ""App"."Or.ders" ("To tal" int); GRANT SELECT ON "My ""App"."Or.ders" TO {cur};
				GRANT UPDATE ("To tal") ON "My ""App"."Or.ders" TO {cur}`,
			want: []string{`USAGE on schema "My ""App"`, `SELECT on table "My ""App"."Or.ders"`,
				`UPDATE on column "My ""App"."Or.ders"."To tal"`},
		},
		{
			name:  "a name that would break a log line",
			setup: "CREATE SCHEMA \"a\nb\"; GRANT USAGE ON SCHEMA \"a\nb\" TO {cur}",
			want:  []string{`USAGE on schema "a?b"`},
		},
		{
			name:  "a predefined role gives what the one in use was granted",
			setup: `GRANT SELECT ON app.orders TO {cur}; GRANT pg_read_all_data TO {new}`,
			since: 14,
		},
		{
			name: "a predefined role's privileges, without SET ROLE",
			setup: `GRANT pg_read_all_data TO {cur} WITH INHERIT TRUE, SET FALSE;
				GRANT SELECT ON app.orders TO {new}`,
			want:  []string{"membership in role pg_read_all_data"},
			since: 16,
		},
		{
			name: "membership without SET ROLE",
			setup: `CREATE ROLE {grp}; GRANT SELECT ON app.orders TO {grp};
				GRANT {grp} TO {cur}; GRANT {grp} TO {new} WITH SET FALSE`,
			want:  []string{"membership in role {grp}"},
			since: 16,
		},
		{
			name: "membership without INHERIT",
			setup: `CREATE ROLE {grp}; GRANT SELECT ON app.orders TO {grp};
				GRANT {grp} TO {cur}; GRANT {grp} TO {new} WITH INHERIT FALSE`,
			want:  []string{"SELECT on table app.orders"},
			since: 16,
		},
		{
			name:  "MAINTAIN",
			setup: `GRANT MAINTAIN ON app.orders TO {cur}`,
			want:  []string{"MAINTAIN on table app.orders"},
			since: 17,
		},
		{
			name: "row-level security",
			setup: `ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY; GRANT SELECT ON app.orders TO {cur}, {new};
				CREATE POLICY mine ON app.orders TO {cur} USING (true)`,
			want: []string{"access by policy app.orders.mine"},
		},
		{
			name: "row-level security by another policy",
			setup: `ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY; GRANT SELECT ON app.orders TO {cur}, {new};
				CREATE POLICY mine ON app.orders TO {cur} USING (true);
				CREATE POLICY other ON app.orders TO {new} USING (true)`,
		},
		{
			name: "row-level security that the new login is exempt from",
			setup: `ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY; GRANT SELECT ON app.orders TO {cur}, {new};
				CREATE POLICY mine ON app.orders TO {cur} USING (true); ALTER ROLE {new} BYPASSRLS`,
		},
		{
			name: "row-level security that is not enabled",
			setup: `GRANT SELECT ON app.orders TO {cur}, {new};
				CREATE POLICY mine ON app.orders TO {cur} USING (true)`,
		},
		{
			name: "both act as the owner",
			setup: `CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER ROLE {cur} NOINHERIT;
				GRANT {own} TO {cur}, {new}; ALTER ROLE {cur} SET role = {own}; ALTER ROLE {new} SET role = {own}`,
		},
		{
			name: "both act as the owner, the new one in this database",
			setup: `CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER ROLE {cur} NOINHERIT;
				ALTER ROLE {new} NOINHERIT; GRANT {own} TO {cur}, {new};
				ALTER ROLE {cur} SET role = {own};
				ALTER ROLE {new} SET role = none; ALTER ROLE {new} IN DATABASE {db} SET role = {own}`,
		},
		{
			name: "the login in use acts as the owner, the new one does not",
			setup: `CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER ROLE {new} NOINHERIT;
				GRANT {own} TO {cur}, {new}; ALTER ROLE {cur} SET role = {own}`,
			want: []string{"ownership of table app.orders", "ownership of sequence app.orders_id_seq"},
		},
		{
			name: "the new login acts as the owner, and its own grants do not count",
			setup: `CREATE ROLE {own}; GRANT {own} TO {new}; ALTER ROLE {new} SET role = {own};
				GRANT SELECT ON app.orders TO {cur}, {new}`,
			want: []string{"SELECT on table app.orders"},
		},
		{
			name: "the login in use is set to a role that it may not take",
			setup: `CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER ROLE {cur} SET role = {own};
				GRANT SELECT ON app.orders TO {cur}, {new}`,
		},
		{
			name:  "search_path",
			setup: `ALTER ROLE {cur} SET search_path = app, public`,
			want:  []string{"the setting search_path = app, public"},
		},
		{
			name: "search_path, the same or longer",
			setup: `ALTER ROLE {cur} SET search_path = app, public;
				ALTER ROLE {new} SET search_path = app, public, pg_temp`,
		},
		{
			name:  "search_path of the new login alone",
			setup: `ALTER ROLE {new} SET search_path = app`,
			want:  []string{"the setting search_path = public"},
		},
		{
			name:  "search_path by the database for both",
			setup: `ALTER DATABASE {db} SET search_path = app; ALTER ROLE {new} IN DATABASE {db} SET search_path = "app"`,
		},
		{
			name:  "schema of its own",
			setup: `CREATE SCHEMA AUTHORIZATION {cur}; ALTER SCHEMA {cur} OWNER TO CURRENT_USER; GRANT USAGE ON SCHEMA {cur} TO {new}`,
			want:  []string{"the setting search_path = {cur}, public"},
		},
		{
			name:  "read only",
			setup: `ALTER ROLE {new} SET default_transaction_read_only = yes`,
			want:  []string{"the setting default_transaction_read_only = off"},
		},
		{
			name: "read only both",
			setup: `ALTER ROLE {new} SET default_transaction_read_only = yes;
				ALTER ROLE {cur} SET default_transaction_read_only = 1`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.since(test.since)
			l.exec(test.setup)
			var want []string
			for _, w := range test.want {
				want = append(want, l.fill(w))
			}
			current := l.role("cur")
			for adapter, conn := range map[string]probe.Conn{
				"pgx":          pgxprobe.Conn(l.login("new")),
				"database/sql": probe.SQL(l.sqlLogin("new")),
			} {
				err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: conn, Current: current})
				if got := l.missingOf(err); !slices.Equal(got, want) {
					t.Errorf("over %s:\n got %q\nwant %q", adapter, got, want)
				}
			}
		})
	}
}

// What the application sets when it connects is the same for both logins.
func TestParityWithSessionSettings(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`CREATE ROLE {own}; ALTER TABLE app.orders OWNER TO {own}; ALTER ROLE {new} NOINHERIT;
		GRANT {own} TO {cur}, {new}; ALTER ROLE {cur} SET search_path = app, public`)
	target := func(params ...string) probe.Target {
		return probe.Target{Conn: pgxprobe.Conn(l.login("new", params...)), Current: l.role("cur")}
	}
	want := []string{"the setting search_path = app, public",
		"ownership of table app.orders", "ownership of sequence app.orders_id_seq"}
	if got := l.missingOf(probe.Parity{}.Check(l.ctx(), target())); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if err := (probe.Parity{}).Check(l.ctx(), target("role="+l.role("own"), "search_path=app")); err != nil {
		t.Error(err)
	}
	later := target()
	if err := later.Conn.Exec(l.ctx(), l.fill(`SET SESSION ROLE {own}`)); err != nil {
		t.Fatal(err)
	}
	if err := later.Conn.Exec(l.ctx(), `SET search_path = app`); err != nil {
		t.Fatal(err)
	}
	if err := (probe.Parity{}).Check(l.ctx(), later); err != nil {
		t.Error(err)
	}
}

// The simple protocol is what some connection poolers need.
func TestParityOverSimpleProtocol(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT SELECT ON app.orders TO {cur}`)
	conn := pgxprobe.Conn(l.login("new", "default_query_exec_mode=simple_protocol"))
	err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: conn, Current: l.role("cur")})
	if got := l.missingOf(err); !slices.Equal(got, []string{"SELECT on table app.orders"}) {
		t.Errorf("got %q", got)
	}
}

func TestParityNothingToCompareWith(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT SELECT ON app.orders TO {cur}`)
	conn := pgxprobe.Conn(l.login("new"))
	for name, current := range map[string]string{
		"no login in use": "",
		"the same login":  l.role("new"),
		"a dropped login": l.role("gone"),
	} {
		if err := (probe.Parity{}).Check(l.ctx(), probe.Target{Conn: conn, Current: current}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Temporary tables belong to sessions, and go with them.
func TestParityIgnoresTemporaryTables(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT TEMPORARY ON DATABASE {db} TO {cur}, {new}`)
	inUse := pgxprobe.Conn(l.login("cur"))
	if err := inUse.Exec(l.ctx(), `CREATE TEMPORARY TABLE t (id serial)`); err != nil {
		t.Fatal(err)
	}
	if err := l.check(probe.Parity{}); err != nil {
		t.Error(err)
	}
}

// The session was there before its right to come back was taken away.
func TestParityConnectRevoked(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	conn := pgxprobe.Conn(l.login("new"))
	l.exec(`REVOKE CONNECT ON DATABASE {db} FROM {new}`)
	err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: conn, Current: l.role("cur")})
	if got := l.missingOf(err); !slices.Equal(got, []string{l.fill("CONNECT on database {db}")}) {
		t.Errorf("got %q", got)
	}
}

// A session outlives its dropped role, and only a probe notices.
func TestParityNewLoginDropped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	conn := pgxprobe.Conn(l.login("new"))
	l.exec(`REVOKE CONNECT ON DATABASE {db} FROM {new}; DROP ROLE {new}`)
	err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: conn, Current: l.role("cur")})
	if err == nil || !probe.Lacks(err) {
		t.Errorf("got %v, want an error that the login lacks something", err)
	}
	if err := (probe.Ping{}).Check(l.ctx(), probe.Target{Conn: conn}); err != nil {
		t.Errorf("Ping is expected to be blind here, and says %v", err)
	}
}

func TestParityErrorIsBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`DO $$ BEGIN FOR i IN 1..50 LOOP
			EXECUTE format('CREATE TABLE app.%I (i int)', repeat('x', 60) || i);
		END LOOP; END $$;
		GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA app TO {cur};
		CREATE FUNCTION app.f(` + strings.Repeat("double precision, ", 90) + `int) RETURNS int LANGUAGE sql AS 'SELECT 1';
		REVOKE ALL ON FUNCTION app.f FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.f TO {cur}`)
	err := l.check(probe.Parity{})
	var missing *probe.MissingError
	if !errors.As(err, &missing) {
		t.Fatal(err)
	}
	if len(missing.Missing) != 10 || missing.More != 2*51+1-10 {
		t.Errorf("%d named and %d more, want 10 and 93", len(missing.Missing), missing.More)
	}
	if text := err.Error(); len(text) > 2500 || !strings.HasSuffix(text, ", and 93 more") {
		t.Errorf("%d bytes: %s", len(text), text)
	}
	l.exec(`REVOKE ALL ON ALL TABLES IN SCHEMA app FROM {cur}`)
	if text := l.check(probe.Parity{}).Error(); len(text) > 300 {
		t.Errorf("%d bytes: %s", len(text), text)
	}
}

// Tables and roles come and go while parity is compared; it must neither fail nor name what is gone.
func TestParityWhileTablesAreDropped(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`GRANT SELECT ON app.orders TO {cur}, {new}`)
	done := make(chan error)
	ctx, cancel := context.WithCancel(l.ctx())
	defer cancel()
	go func() { done <- churn(ctx, l) }()
	conn := pgxprobe.Conn(l.login("new"))
	for range 300 {
		err := probe.Parity{}.Check(l.ctx(), probe.Target{Conn: conn, Current: l.role("cur")})
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil && ctx.Err() == nil {
		t.Error(err)
	}
}

// churn makes and drops objects for both logins until ctx ends.
func churn(ctx context.Context, l *lab) error {
	conn, err := pgx.Connect(ctx, l.db.AdminDSN())
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	for ctx.Err() == nil {
		if _, err := conn.PgConn().Exec(ctx, l.fill(`
			CREATE TABLE app.t (i int); CREATE SEQUENCE app.s; CREATE ROLE {grp};
			CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; REVOKE ALL ON FUNCTION app.f FROM PUBLIC;
			GRANT SELECT ON app.t TO {grp}; GRANT {grp} TO {cur}, {new};
			GRANT SELECT ON app.t, app.s TO {cur}, {new}; GRANT EXECUTE ON FUNCTION app.f TO {cur}, {new};
			GRANT UPDATE (i) ON app.t TO {cur}, {new}`)).ReadAll(); err != nil {
			return err
		}
		if _, err := conn.PgConn().Exec(ctx, l.fill(`
			DROP TABLE app.t; DROP SEQUENCE app.s; DROP FUNCTION app.f; DROP ROLE {grp}`)).ReadAll(); err != nil {
			return err
		}
	}
	return nil
}

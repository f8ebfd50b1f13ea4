package probe_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

func TestPrivileges(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.exec(`
		CREATE FUNCTION app.total(bigint, text) RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION app.total(bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION app.once() RETURNS int LANGUAGE sql AS 'SELECT 1';
		REVOKE EXECUTE ON FUNCTION app.total(bigint, text) FROM PUBLIC;
		CREATE SCHEMA "My ""App"; GRANT USAGE ON SCHEMA "My ""App" TO {new};
		CREATE TABLE "My ""App"."Or.ders" ("To tal" int); GRANT SELECT ON "My ""App"."Or.ders" TO {new};
		CREATE SCHEMA hidden; CREATE TABLE hidden.t (i int); CREATE SEQUENCE hidden.s;
		CREATE FUNCTION hidden.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		GRANT SELECT ON hidden.t TO {new};
		CREATE TABLE public.plain (i int); GRANT SELECT ON public.plain TO {new};
		GRANT SELECT, INSERT ON app.orders TO {new}; GRANT UPDATE (note) ON app.orders TO {new};
		GRANT USAGE ON SEQUENCE app.orders_id_seq TO {new};
		CREATE ROLE {grp}; GRANT {grp} TO {new}; CREATE ROLE {far}`)
	for _, test := range []struct {
		name  string
		probe probe.Privileges
		want  []string
	}{
		{name: "nothing"},
		{
			name: "everything is there",
			probe: probe.Privileges{
				probe.Table("app.orders", "SELECT", "INSERT"), probe.Table("plain", "SELECT"),
				probe.Table(`"My ""App"."Or.ders"`, "SELECT"), probe.Column(`"My ""App"."Or.ders"`, `"To tal"`, "SELECT"),
				probe.Column("APP.Orders", "Note", "SELECT", "UPDATE"), probe.Sequence("app.orders_id_seq"),
				probe.Schema("app"), probe.Schema(`"My ""App"`, "USAGE"), probe.Database(l.db.Name),
				probe.Function("app.once"), probe.Function("app.total(bigint)"), probe.Role(l.role("grp")),
			},
		},
		{
			name: "missing",
			probe: probe.Privileges{
				probe.Table("app.orders", "DELETE", "INSERT", "UPDATE"), probe.Column("app.orders", "total", "UPDATE"),
				probe.Sequence("app.orders_id_seq", "USAGE", "UPDATE"), probe.Schema("app", "CREATE"),
				probe.Function("app.total(bigint, text)"), probe.Database(l.db.Name, "TEMP"), probe.Role(l.role("far")),
			},
			want: []string{"DELETE on table app.orders", "UPDATE on table app.orders",
				"UPDATE on column app.orders.total", "UPDATE on sequence app.orders_id_seq", "CREATE on schema app",
				"EXECUTE on function app.total(bigint, text)", l.fill("TEMP on database {db}"), l.fill("membership in role {far}")},
		},
		{
			name: "not there",
			probe: probe.Privileges{
				probe.Table("app.order", "SELECT"), probe.Table("nowhere.orders", "SELECT"), probe.Table("orders", "SELECT"),
				probe.Column("app.orders", "tot", "SELECT"), probe.Table("app.orders_id_seq", "SELECT"), probe.Sequence("app.orders"),
			},
			want: []string{"SELECT on table app.order (not found)", "SELECT on table nowhere.orders (not found)",
				"SELECT on table orders (not found)", "SELECT on column app.orders.tot (not found)",
				"SELECT on table app.orders_id_seq (not found)", "USAGE on sequence app.orders (not found)"},
		},
		{
			name: "not there either",
			probe: probe.Privileges{
				probe.Function("app.total"), probe.Function("app.once(int)"), probe.Schema("ap"), probe.Database("nowhere"), probe.Role("nobody"),
			},
			want: []string{"EXECUTE on function app.total (not found)", "EXECUTE on function app.once(int) (not found)",
				"USAGE on schema ap (not found)", "CONNECT on database nowhere (not found)", "membership in role nobody (not found)"},
		},
		{
			name: "in a schema that may not be used",
			probe: probe.Privileges{probe.Table("hidden.t", "SELECT", "INSERT"), probe.Sequence("hidden.s"),
				probe.Function("hidden.f()"), probe.Function("hidden.f")},
			want: []string{"USAGE on schema hidden"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for adapter, conn := range map[string]probe.Conn{
				"pgx":          pgxprobe.Conn(l.login("new")),
				"database/sql": probe.SQL(l.sqlLogin("new")),
			} {
				err := test.probe.Check(l.ctx(), probe.Target{Conn: conn})
				if got := l.missingOf(err); !slices.Equal(got, test.want) {
					t.Errorf("over %s:\n got %q\nwant %q", adapter, got, test.want)
				}
			}
		})
	}
}

func TestPrivilegesMalformedName(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	err := l.check(probe.Privileges{probe.Table(`app."orders`, "SELECT")})
	var failed *probe.QueryError
	if !errors.As(err, &failed) || failed.SQLState != "22023" || probe.Lacks(err) {
		t.Errorf("got %v, want a QueryError with SQLSTATE 22023", err)
	}
}

func TestPrivilegesValidate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		grant probe.Grant
		want  string
	}{
		{probe.Grant{}, "zero Grant"},
		{probe.Table("", "SELECT"), "no name"},
		{probe.Column("t", "", "SELECT"), "no name"},
		{probe.Table("app.orders"), "no privilege"},
		{probe.Table("app.orders", "SELEC"), `"SELEC" is not a privilege on a table`},
		{probe.Table("app.orders", "SELECT, INSERT"), "not a privilege"},
		{probe.Schema("app", "SELECT"), "not a privilege"},
	} {
		p := probe.All(probe.Timeout(1, probe.Privileges{test.grant}))
		if err := probe.Validate(p); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want %q in it", test.grant, err, test.want)
		}
		// A grant that is not valid needs no connection to be refused.
		if err := p.Check(t.Context(), probe.Target{}); err == nil || probe.Lacks(err) {
			t.Errorf("%v: Check gives %v", test.grant, err)
		}
	}
}

package sqladapter_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/sqladapter"
)

// abilities are the optional interfaces that database/sql looks for, as far as they are not the old form of another.
var abilities = []reflect.Type{
	reflect.TypeFor[driver.Pinger](), reflect.TypeFor[driver.ExecerContext](), reflect.TypeFor[driver.QueryerContext](),
	reflect.TypeFor[driver.ConnPrepareContext](), reflect.TypeFor[driver.ConnBeginTx](),
	reflect.TypeFor[driver.NamedValueChecker](), reflect.TypeFor[driver.SessionResetter](), reflect.TypeFor[driver.Validator](),
	reflect.TypeFor[driver.StmtExecContext](), reflect.TypeFor[driver.StmtQueryContext](),
	//lint:ignore SA1019 a driver has it
	reflect.TypeFor[driver.ColumnConverter](),
	reflect.TypeFor[driver.RowsNextResultSet](), reflect.TypeFor[driver.RowsColumnTypeScanType](),
	reflect.TypeFor[driver.RowsColumnTypeDatabaseTypeName](), reflect.TypeFor[driver.RowsColumnTypeLength](),
	reflect.TypeFor[driver.RowsColumnTypeNullable](), reflect.TypeFor[driver.RowsColumnTypePrecisionScale](),
}

// of names the abilities of v, without those that are left out.
func of(v any, but ...reflect.Type) string {
	var names []string
	for _, in := range abilities {
		if reflect.TypeOf(v).Implements(in) && !slices.Contains(but, in) {
			names = append(names, in.Name())
		}
	}
	return strings.Join(names, " ")
}

// own are the abilities of each driver's own connections and statements: what a wrapper that loses one is found by.
var own = map[string]struct{ conn, stmt string }{
	"pgx": {
		"Pinger ExecerContext QueryerContext ConnPrepareContext ConnBeginTx NamedValueChecker SessionResetter",
		"StmtExecContext StmtQueryContext",
	},
	"libpq": {
		"Pinger ExecerContext QueryerContext ConnPrepareContext ConnBeginTx NamedValueChecker SessionResetter",
		"StmtExecContext StmtQueryContext",
	},
	"mysql": {
		"Pinger ExecerContext QueryerContext ConnPrepareContext ConnBeginTx NamedValueChecker SessionResetter",
		"NamedValueChecker StmtExecContext StmtQueryContext ColumnConverter",
	},
}

// plainConn is one of the driver's that no adapter knows of.
func plainConn(t *testing.T, d sqladapter.Driver, login testenv.Login) driver.Conn {
	t.Helper()
	connector, err := d.Connector(credential(login))
	must(t, err)
	conn, err := connector.Connect(context.Background())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// TestInterfaces: what database/sql gets has the optional interfaces of the driver's own connection and statement, and no
// other but driver.Validator; rows, results and transactions are the driver's own. So it is over what Register makes.
func TestInterfaces(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		var d sqladapter.Driver
		name := "rekey test interfaces " + k.name
		r := newRig(t, k, func(c *sqladapter.Config) { d = c.Driver; must(t, sqladapter.Register(name, *c)) })
		registered, err := sql.Open(name, "")
		must(t, err)
		defer registered.Close()
		theirs := plainConn(t, d, r.login)
		if got := of(theirs, validator); got != own[k.name].conn {
			t.Errorf("the driver's own connection has %s", got)
		}
		for _, db := range []*sql.DB{r.db.DB, registered} {
			conn, err := db.Conn(t.Context())
			must(t, err)
			must(t, conn.Raw(func(c any) error {
				r.compare(t, c.(driver.Conn), theirs)
				return nil
			}))
			must(t, conn.Close())
		}
	})
}

var validator = reflect.TypeFor[driver.Validator]()

// compare finds what is different in what ours and theirs make.
func (r *rig) compare(t *testing.T, ours, theirs driver.Conn) {
	t.Helper()
	if a, b := of(ours, validator), of(theirs, validator); a != b {
		t.Errorf("ours has %s; the driver's %s", a, b)
	}
	if _, wrapped := ours.(sqladapter.Conn); wrapped && !reflect.TypeOf(ours).Implements(validator) {
		t.Error("a wrapped connection cannot be turned away")
	}
	type made struct {
		stmt   driver.Stmt
		others []any
	}
	var all [2]made
	for i, c := range []driver.Conn{ours, theirs} {
		stmt, err := c.(driver.ConnPrepareContext).PrepareContext(t.Context(), "select balance from "+r.accounts+" where id = 1")
		must(t, err)
		defer stmt.Close()
		fromStmt, err := stmt.(driver.StmtQueryContext).QueryContext(t.Context(), nil)
		must(t, err)
		must(t, fromStmt.Close())
		rows, err := c.(driver.QueryerContext).QueryContext(t.Context(), "select balance from "+r.accounts+" where id = 1", nil)
		must(t, err)
		must(t, rows.Close())
		result, err := c.(driver.ExecerContext).ExecContext(t.Context(), "update "+r.accounts+" set balance = 0 where id = 0", nil)
		must(t, err)
		tx, err := c.(driver.ConnBeginTx).BeginTx(t.Context(), driver.TxOptions{})
		must(t, err)
		must(t, tx.Rollback())
		all[i] = made{stmt, []any{fromStmt, rows, result, tx}}
	}
	if a, b := of(all[0].stmt), of(all[1].stmt); a != b || b != own[r.name].stmt {
		t.Errorf("our statement has %s; the driver's %s", a, b)
	}
	for i, a := range all[0].others {
		if b := all[1].others[i]; reflect.TypeOf(a) != reflect.TypeOf(b) || of(a) != of(b) {
			t.Errorf("ours is a %T with %s, the driver's a %T with %s", a, of(a), b, of(b))
		}
	}
}

// TestRaw: sql.Conn.Raw gives pgx's own connection as it is; those of other drivers unwrap, and so do all that Register
// makes. What it gives is the connection itself, not another one.
func TestRaw(t *testing.T) {
	own := map[string]string{"pgx": "*stdlib.Conn", "libpq": "*pq.conn", "mysql": "*mysql.mysqlConn"}
	eachKind(t, func(t *testing.T, k kind) {
		name := "rekey test raw " + k.name
		r := newRig(t, k, func(c *sqladapter.Config) { must(t, sqladapter.Register(name, *c)) })
		registered, err := sql.Open(name, "")
		must(t, err)
		defer registered.Close()
		for db, wrapped := range map[*sql.DB]bool{r.db.DB: k.name != "pgx", registered: true} {
			conn, err := db.Conn(t.Context())
			must(t, err)
			_, err = conn.ExecContext(t.Context(), map[bool]string{true: "set @mine = 7", false: "set my.own = 7"}[k.name == "mysql"])
			must(t, err)
			must(t, conn.Raw(func(c any) error {
				if w, ok := c.(sqladapter.Conn); ok != wrapped {
					t.Errorf("it is a %T", c)
				} else if ok {
					c = w.Unwrap()
				}
				if got := reflect.TypeOf(c).String(); got != own[k.name] {
					t.Errorf("it is a %s", got)
				}
				query := map[bool]string{true: "select @mine", false: "show my.own"}[k.name == "mysql"]
				rows, err := c.(driver.QueryerContext).QueryContext(t.Context(), query, nil)
				must(t, err)
				row := make([]driver.Value, 1)
				must(t, rows.Next(row))
				must(t, rows.Close())
				if got := fmt.Sprintf("%s", row[0]); got != "7" && got != "%!s(int64=7)" {
					t.Errorf("it is another one: %s", got)
				}
				return nil
			}))
			must(t, conn.Close())
		}
	})
}

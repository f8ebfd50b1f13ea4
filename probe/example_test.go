package probe_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/probe"
)

// What a pool of an application with tables orders and stock would ask for, beyond the default.
func Example() {
	check := probe.Timeout(5*time.Second, probe.All(
		probe.Parity{},
		probe.Privileges{
			probe.Table("app.orders", "SELECT", "INSERT"),
			probe.Sequence("app.orders_id_seq"),
		},
		probe.Statements{List: []probe.Statement{
			{Name: "take from stock", SQL: "UPDATE app.stock SET n = n - 1 WHERE item = $1", Args: []any{0}},
		}},
	))
	fmt.Println(probe.Validate(check))
	// Output: <nil>
}

// A check of the caller's own.
func ExampleFunc() {
	const oldest = "0042"
	schemaVersion := probe.Func(func(ctx context.Context, t probe.Target) error {
		rows, err := t.Conn.Query(ctx, "SELECT max(version)::text FROM app.migrations")
		if err != nil {
			return err // a missing grant is recognised by its SQLSTATE
		}
		if rows[0][0] < oldest {
			return probe.Refuse(errors.New("the database is too old for this program"))
		}
		return nil
	})
	_ = probe.All(probe.Parity{}, schemaVersion)
}

// Over database/sql, with any driver.
func ExampleSQL() {
	check := func(ctx context.Context, db *sql.DB, inUse string) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return probe.Parity{}.Check(ctx, probe.Target{Conn: probe.SQL(conn), Current: inUse})
	}
	_ = check
}

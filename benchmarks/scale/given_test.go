package main

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// TestGivenServer takes the way of -dsn, and asks for more sessions than the server has.
func TestGivenServer(t *testing.T) {
	owner, err := server.Open(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	admin, err := owner.Admin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	o := small()
	o.only, o.sizes, o.DSN = "growth", "2", admin.Config().ConnString()
	if _, err := o.run(t.Context(), o.Flags); err != nil {
		t.Fatal(err)
	}
	var left int
	err = admin.QueryRow(t.Context(), "select count(*) from pg_stat_activity where usename like 'rekey_bench%' and pid <> pg_backend_pid()").Scan(&left)
	if err != nil || left > 0 {
		t.Errorf("%d sessions are left, %v", left, err)
	}
	o.sizes = "2,100000"
	if _, err := o.run(t.Context(), o.Flags); err == nil || !strings.Contains(err.Error(), "max_connections") {
		t.Error(err)
	}
}

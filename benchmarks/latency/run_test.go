package main

import (
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/benchmarks/internal/cli"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// TestRun measures each way once, on real servers, and looks for figures that cannot be.
func TestRun(t *testing.T) {
	o := options{Flags: &cli.Flags{Rounds: 1, Conns: 2, Quiet: true}}
	if testing.Short() {
		o.only = "refused"
	}
	r, err := o.run(t.Context(), o.Flags)
	if err != nil {
		t.Fatal(err)
	}
	section, _ := r.Section("ways")
	table := section.Tables[0]
	if len(table.Rows) != len(o.ways()) {
		t.Fatalf("%d rows, want %d", len(table.Rows), len(o.ways()))
	}
	for _, row := range table.Rows {
		for _, column := range []string{"fetch", "verify", "total", "floor"} {
			if v, ok := table.Cell(row.Name, column); !ok || v.Median <= 0 {
				t.Errorf("%s: %s is %v", row.Name, column, v)
			}
		}
	}
	for _, row := range table.Rows {
		trigger, _ := table.Cell(row.Name, "trigger")
		if refused := strings.Contains(row.Name, "refused"); refused != (trigger.Text == "refused") {
			t.Errorf("%s: began by %s", row.Name, trigger.Text)
		}
	}
}

// TestGivenServer takes the way of -dsn: without Vault, which needs a server of its own.
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
	o := options{Flags: &cli.Flags{Rounds: 1, Conns: 2, Quiet: true, DSN: admin.Config().ConnString()}, only: "file"}
	r, err := o.run(t.Context(), o.Flags)
	if err != nil {
		t.Fatal(err)
	}
	if section, _ := r.Section("ways"); len(section.Tables[0].Rows) != 2 {
		t.Errorf("%d rows, want 2", len(section.Tables[0].Rows))
	}
	o.only = "vault"
	if _, err := o.run(t.Context(), o.Flags); err == nil {
		t.Error("a lease of Vault on a given server")
	}
}

package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rekeyhq/rekey/examples/internal/cli"
	"github.com/rekeyhq/rekey/examples/internal/load"
)

func TestReportSaysWhatWentWrong(t *testing.T) {
	good := newReport(options{Options: cli.Options{Conns: 10}})
	good.maxSessions = 11
	if problems := good.Problems(); len(problems) != 0 {
		t.Errorf("problems %q", problems)
	}
	bad := newReport(options{Options: cli.Options{Conns: 10}})
	bad.managed = load.Result{Queries: 9, Failed: 2, Failures: []load.Failure{{Text: "query: no luck", Count: 2}}}
	bad.maxSessions, bad.leakedSessions, bad.leakedGoroutines = 12, 1, 3
	if problems := bad.Problems(); len(problems) != 4 {
		t.Errorf("problems %q, want 4", problems)
	}
	var out bytes.Buffer
	bad.Print(&out)
	if !strings.Contains(out.String(), "2 × query: no luck") {
		t.Errorf("the failures are not shown:\n%s", &out)
	}
}

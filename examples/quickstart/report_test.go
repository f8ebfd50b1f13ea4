package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestReportSaysWhatWentWrong(t *testing.T) {
	good := newReport(options{conns: 10})
	good.maxSessions = 11
	if problems := good.problems(); len(problems) != 0 {
		t.Errorf("problems %q", problems)
	}
	bad := newReport(options{conns: 10})
	bad.managed = result{queries: 9, failed: 2, failures: []failure{{"query: no luck", 2}}}
	bad.maxSessions, bad.leakedSessions, bad.leakedGoroutines = 12, 1, 3
	if problems := bad.problems(); len(problems) != 4 {
		t.Errorf("problems %q, want 4", problems)
	}
	var out bytes.Buffer
	bad.print(&out)
	if !strings.Contains(out.String(), "2 × query: no luck") {
		t.Errorf("the failures are not shown:\n%s", &out)
	}
}

package managedpool_test

import (
	"flag"
	"fmt"
	"testing"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/managedpool"
)

// mode is the one that pools without a Mode have in this round of the tests.
var mode managedpool.Mode

// TestMain runs every test in both modes. Benchmarks, which say in their names what they measure, run once.
func TestMain(m *testing.M) {
	only := flag.String("mode", "", "run in this mode only: inplace or replace")
	flag.Parse()
	rounds := []func(){in(managedpool.InPlace), in(managedpool.Replace)}
	switch *only {
	case "inplace":
		rounds = rounds[:1]
	case "replace":
		rounds = rounds[1:]
	}
	if flag.Lookup("test.bench").Value.String() != "" {
		rounds = rounds[:1]
	}
	envtest.MainRounds(m, rounds...)
}

func in(next managedpool.Mode) func() {
	return func() {
		mode = next
		managedpool.SetDefaultMode(next)
		fmt.Println("mode:", next)
	}
}

// onlyIn skips a test of what the other mode does not have.
func onlyIn(t *testing.T, only managedpool.Mode) {
	t.Helper()
	if mode != only {
		t.Skipf("this is about mode %v", only)
	}
}

package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli/clitest"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// keys are what -json promises.
var keys = []string{"queries", "failed", "p50_us", "p99_us", "p999_us", "max_us", "generations", "leases_made", "leases_renewed",
	"leases_revoked", "outage_us", "max_sessions", "session_limit", "leaked_users", "leaked_leases", "leaked_sessions", "leaked_goroutines"}

// play runs the program with a load that leaves room for other tests, and returns its result.
func play(t *testing.T, args ...string) map[string]int {
	t.Helper()
	envtest.Vault(t) // built by now, with a limit of its own
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), append(args, "-workers", "8", "-conns", "4", "-json"), &stdout, &stderr)
	t.Logf("stderr:\n%s", &stderr)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := clitest.LastObject(t, stdout.String(), keys)
	for key, value := range got {
		if value != 0 && (key == "failed" || strings.HasPrefix(key, "leaked")) {
			t.Errorf("%s is %d", key, value)
		}
	}
	if got["queries"] == 0 || got["max_us"] == 0 || got["max_sessions"] == 0 {
		t.Errorf("there was no load: %v", got)
	}
	noSecret(t, stdout.String()+stderr.String())
	return got
}

// noSecret looks for what tokens look like, and the engine's first password: see crypto/rand.Text.
func noSecret(t *testing.T, output string) {
	t.Helper()
	if regexp.MustCompile(`hv[sb]\.|[A-Z2-7]{26}`).MatchString(output) {
		t.Error("the output holds what may be a secret")
	}
}

func TestLeasesFollowEachOther(t *testing.T) {
	got := play(t, "-for", "8s")
	if got["generations"] < 3 || got["leases_made"] != got["leases_revoked"] || got["leases_renewed"] > 0 {
		t.Errorf("%v", got)
	}
}

// Vault is stopped for nine tenths of the slack, and leases are renewed before new ones are asked for.
func TestOutageWithRenewals(t *testing.T) {
	got := play(t, "-for", "24s", "-ttl", "8s", "-prefer-renew", "-outage")
	if got["leases_renewed"] == 0 || got["outage_us"] < 1_500_000 {
		t.Errorf("%v", got)
	}
}

func TestInterruptEndsItCleanly(t *testing.T) {
	envtest.Vault(t)
	envtest.NoLeak(t)
	noSecret(t, clitest.Interrupted(t, run, 6*time.Second, "-for", "10m"))
}

func TestOptionsAreChecked(t *testing.T) {
	clitest.Refuses(t, run,
		[]string{"-ttl", "1s"}, []string{"-ttl", "2500ms"}, []string{"-for", "7s"}, []string{"-for", "20s", "-outage"},
		[]string{"-conns", "0"}, []string{"-workers", "0"}, []string{"-unknown"}, []string{"argument"},
	)
}

// TestFilesAreTheDocuments: what an operator finds here is what docs/vault.md recommends, to the letter.
func TestFilesAreTheDocuments(t *testing.T) {
	document, err := os.ReadFile("../../docs/vault.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range append(strings.Split(policy, "\n\n"), createStatements, renewStatements, revokeStatements) {
		if text = strings.TrimSpace(text); text == "" || !strings.Contains(string(document), text+"\n") {
			t.Errorf("docs/vault.md does not have:\n%s", text)
		}
	}
}

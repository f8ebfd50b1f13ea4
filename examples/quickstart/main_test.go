package main

import (
	"bytes"
	"regexp"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli/clitest"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
)

func TestMain(m *testing.M) { envtest.Main(m) }

// keys are what -json promises.
var keys = []string{"queries", "failed", "rotations", "max_sessions", "session_limit", "p50_us", "p99_us", "p999_us",
	"plain_p50_us", "plain_p99_us", "plain_p999_us", "naive_queries", "naive_failed", "leaked_sessions", "leaked_goroutines"}

func TestNothingFailsWhileLoginsRotate(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"-for", "3s", "-every", "500ms", "-json"}, &stdout, &stderr)
	t.Logf("stderr:\n%s", &stderr)
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	got := clitest.LastObject(t, stdout.String(), keys)
	for _, key := range []string{"failed", "leaked_sessions", "leaked_goroutines"} {
		if got[key] != 0 {
			t.Errorf("%s is %d", key, got[key])
		}
	}
	for _, key := range []string{"queries", "rotations", "max_sessions", "p50_us", "plain_p50_us", "naive_queries"} {
		if got[key] == 0 {
			t.Errorf("%s is zero", key)
		}
	}
	if got["max_sessions"] > got["session_limit"] {
		t.Errorf("%d sessions, and the budget is %d", got["max_sessions"], got["session_limit"])
	}
	noPassword(t, stdout.String()+stderr.String())
}

// noPassword looks for what the issuer's passwords look like: see crypto/rand.Text.
func noPassword(t *testing.T, output string) {
	t.Helper()
	if found := regexp.MustCompile(`[A-Z2-7]{26}`).FindString(output); found != "" {
		t.Errorf("the output holds what may be a password")
	}
}

func TestInterruptEndsItCleanly(t *testing.T) {
	envtest.NoLeak(t)
	noPassword(t, clitest.Interrupted(t, run, 4*time.Second, "-for", "10m"))
}

func TestOptionsAreChecked(t *testing.T) {
	clitest.Refuses(t, run,
		[]string{"-for", "1s", "-every", "2s"}, []string{"-every", "0s"}, []string{"-conns", "0"}, []string{"-conns", "61"}, []string{"-workers", "0"},
		[]string{"-unknown"}, []string{"argument"},
	)
}

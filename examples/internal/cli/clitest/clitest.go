// Package clitest tests demonstrations as programs.
package clitest

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/cli"
)

// LastObject reads the last line of what -json has printed. It must have the promised keys and no other, in their order.
func LastObject(t testing.TB, output string, keys []string) map[string]int {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	last := lines[len(lines)-1]
	var object map[string]int
	if err := json.Unmarshal([]byte(last), &object); err != nil {
		t.Fatalf("last line %q: %v", last, err)
	}
	var found []string
	for _, m := range regexp.MustCompile(`"(\w+)":`).FindAllStringSubmatch(last, -1) {
		found = append(found, m[1])
	}
	if !slices.Equal(found, keys) {
		t.Errorf("keys %q, want %q", found, keys)
	}
	return object
}

// Interrupted interrupts a program after a while, which must end in order, and returns what it has printed.
func Interrupted(t testing.TB, run cli.Program, after time.Duration, args ...string) (output string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if code := run(ctx, args, &stdout, &stderr); code != cli.ExitInterrupted {
		t.Errorf("exit code %d, want %d; stderr:\n%s", code, cli.ExitInterrupted, &stderr)
	}
	return stdout.String() + stderr.String()
}

// Refuses checks that a program does not take command lines, and says why.
func Refuses(t testing.TB, run cli.Program, lines ...[]string) {
	t.Helper()
	for _, args := range lines {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), args, &stdout, &stderr); code != cli.ExitUsage || stderr.Len() == 0 {
			t.Errorf("%q: exit code %d and %q, want %d and a reason", args, code, &stderr, cli.ExitUsage)
		}
	}
}

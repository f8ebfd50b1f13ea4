// Package clitest reads in tests what demonstrations have printed.
package clitest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
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

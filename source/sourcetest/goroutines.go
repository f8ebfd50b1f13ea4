package sourcetest

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// goroutines returns the stacks of all goroutines, by their header up to the state: "goroutine 12".
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := map[string]string{}
	for _, stack := range strings.Split(string(buf), "\n\n") {
		id, _, _ := strings.Cut(stack, " [")
		stacks[id] = stack
	}
	return stacks
}

// packageOf returns the prefix that a stack shows for v's package, or rekey's own where v's type has no name.
func packageOf(v any) string {
	t := reflect.TypeOf(v)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if path := t.PkgPath(); path != "" {
		return path + "."
	}
	return "github.com/rekeyhq/rekey/source"
}

// wantNoGoroutines fails the test if a goroutine that was not there before still runs code of the package. An
// origin's own goroutines, such as a test server's, run other code. It waits a little, because a goroutine may
// be on its last line when Close returns.
func wantNoGoroutines(t *testing.T, before map[string]string, pkg string) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		left := ""
		for id, stack := range goroutines() {
			if _, old := before[id]; !old && strings.Contains(stack, pkg) {
				left += stack + "\n\n"
			}
		}
		if left == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Close left goroutines behind:\n%s", left)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

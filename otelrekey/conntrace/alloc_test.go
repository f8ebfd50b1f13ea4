package conntrace_test

import (
	"testing"
)

// TestNothingAllocated: without somebody who records, and without conntrace, Acquire and Release allocate nothing more
// than without telemetry.
func TestNothingAllocated(t *testing.T) {
	var off float64
	for _, v := range variants() {
		pool := newPool(t, v)
		acquire(t, pool)
		n := testing.AllocsPerRun(2000, func() { acquire(t, pool) })
		switch v.name {
		case "off":
			off = n
		case "otelrekey", "conntrace-noop":
			if n > off {
				t.Errorf("%s: %v allocations, %v without", v.name, n, off)
			}
		}
		t.Logf("%s: %v allocations", v.name, n)
	}
}

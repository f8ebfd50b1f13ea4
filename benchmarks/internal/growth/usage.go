package growth

import (
	"runtime"
	"runtime/debug"
)

// usage is what a process has at a moment.
type usage struct {
	heap, stacks, rss float64 // bytes
	goroutines        int
}

// takeUsage collects garbage first, twice: what has finalizers goes in two steps.
func takeUsage() usage {
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{
		heap: float64(m.HeapAlloc), stacks: float64(m.StackInuse), rss: resident(), goroutines: runtime.NumGoroutine(),
	}
}

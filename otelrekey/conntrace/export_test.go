package conntrace

import "runtime"

// InUse collects garbage, and returns how many timed connections are with their users.
func (t *Tracer) InUse() int64 {
	runtime.GC()
	return t.used.Load()
}

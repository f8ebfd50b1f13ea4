//go:build unix

package load

import (
	"syscall"
	"time"
)

// CPU is how much processor time this process has used. A server on the same machine is not in it.
func CPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

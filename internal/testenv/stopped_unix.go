//go:build unix && !linux

package testenv

import (
	"os/exec"
	"strconv"
	"strings"
)

// stopped reports whether a process stands still.
func stopped(pid int) bool {
	state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.HasPrefix(strings.TrimSpace(string(state)), "T")
}

//go:build unix

package file

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"syscall"
)

const (
	// openFlags keep an open from waiting for a FIFO's writer and from taking a terminal.
	openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

	// checksModes says that permission bits mean something here.
	checksModes = true
)

// ownedBy reports whether root, this process's user or one of others owns the file.
func ownedBy(info fs.FileInfo, others []int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	uid := int(stat.Uid)
	return uid == 0 || uid == os.Geteuid() || slices.Contains(others, uid)
}

// ownerOf says whose file it is.
func ownerOf(info fs.FileInfo) string {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf(" (uid %d)", stat.Uid)
	}
	return ""
}

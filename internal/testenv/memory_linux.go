package testenv

import (
	"os"
	"syscall"
)

// memoryRoom is how much must be free in the folder: containers have 64 MB there, which one server fills.
const memoryRoom = 2 << 30

// memoryFolder is where files are in memory; "" if there is no such folder, it has little room, or somebody has said where
// temporary files go.
func memoryFolder() string {
	const folder, tmpfs = "/dev/shm", 0x01021994
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(folder, &fs) != nil || int64(fs.Type) != tmpfs {
		return ""
	}
	if fs.Bavail*uint64(fs.Bsize) < memoryRoom || !traversable(folder) {
		return ""
	}
	return folder
}

package testenv

import "sync/atomic"

// inMemory is what [InMemory] switches on.
var inMemory atomic.Bool

// InMemory has the servers that are started from now on keep their files in memory, where the system has a folder for
// that with room enough (on Linux, /dev/shm) and TMPDIR names no other. A database is some three hundred files, and tests
// make hundreds of databases.
func InMemory() { inMemory.Store(true) }

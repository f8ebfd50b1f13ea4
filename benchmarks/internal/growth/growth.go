// Package growth measures what a number of pools cost in one process: memory, goroutines and CPU, at rest and for each
// rotation. A [Job] runs in a process of its own, so that what is measured of one size is not what another has left: a
// program that uses the package calls [Main] first, and [Run] starts the program again.
package growth

import "time"

// Kinds of pools.
const (
	Managed = "managedpool"
	Plain   = "pgxpool" // a rotation is then the least that it could be: each connection made anew
)

// Job is what a process is to measure.
type Job struct {
	Kind  string
	Pools int
	Conns int       // of each pool, all open
	DSNs  [2]string // with two logins that have the same rights; pools change from one to the other and back

	Rotations int           // at least so many, and of each pool equally many
	Workers   int           // rotations at a time
	Rest      time.Duration // how long the pools are left alone, for their CPU at rest
}

// Result is what it has measured, of all pools together unless it says otherwise, and without what the process has before.
type Result struct {
	Pools      int
	Heap       float64 // bytes in use, after a collection
	Stacks     float64 // bytes
	RSS        float64 // bytes resident; zero where the system does not tell
	Goroutines int
	Rest       float64 // seconds of CPU in each second at rest

	Rotations int
	CPU       float64   // seconds of CPU for each rotation of one pool, without Rest
	Wall      []float64 // seconds that each rotation of one pool has taken, from the change to the end of its hand-over

	HeapAfter       float64 // Heap, after the rotations
	GoroutinesAfter int     // Goroutines, after the rotations
	GoroutinesLeft  int     // after the pools were closed
}

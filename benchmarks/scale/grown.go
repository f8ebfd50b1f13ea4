package main

import (
	"cmp"
	"slices"

	"github.com/rekeyhq/rekey/benchmarks/internal/growth"
)

// grown is what was measured, by the number of pools.
type grown struct {
	conns       int
	ours, plain []sized
}

// sized are the rounds of one number of pools.
type sized struct {
	pools  int
	rounds []growth.Result
}

// add keeps the sizes in order.
func (g *grown) add(kind string, r growth.Result) {
	list := &g.ours
	if kind == growth.Plain {
		list = &g.plain
	}
	n, found := slices.BinarySearchFunc(*list, r.Pools, func(s sized, pools int) int { return cmp.Compare(s.pools, pools) })
	if !found {
		*list = slices.Insert(*list, n, sized{pools: r.Pools})
	}
	(*list)[n].rounds = append((*list)[n].rounds, r)
}

// measure is one thing that grows.
type measure struct {
	name string
	unit string
	of   func(growth.Result) float64 // of all pools together
}

// measures are what a straight line is laid through.
var measures = []measure{
	{"heap", "KB", func(r growth.Result) float64 { return kilobytes(r.Heap) }},
	{"stacks", "KB", func(r growth.Result) float64 { return kilobytes(r.Stacks) }},
	{"resident", "KB", func(r growth.Result) float64 { return kilobytes(r.RSS) }},
	{"goroutines", "", func(r growth.Result) float64 { return float64(r.Goroutines) }},
	{"CPU at rest", "ms/s", func(r growth.Result) float64 { return 1000 * r.Rest }},
	{"CPU for one rotation of each", "ms", func(r growth.Result) float64 { return 1000 * r.CPU * float64(r.Pools) }},
}

// all returns what every round says.
func (s sized) all(of func(growth.Result) float64) []float64 {
	var out []float64
	for _, r := range s.rounds {
		out = append(out, of(r))
	}
	return out
}

// each is all, for each pool.
func (s sized) each(of func(growth.Result) float64) []float64 {
	return s.all(func(r growth.Result) float64 { return of(r) / float64(r.Pools) })
}

func kilobytes(bytes float64) float64 { return bytes / 1024 }

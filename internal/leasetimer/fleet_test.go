package leasetimer_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/leasetimer"
)

// fleet simulates pools that start together, and counts their fetches in bins of 10 s, the start left out.
func fleet(pools int, ttl, length time.Duration, random *rand.Rand) []int {
	const bin = 10 * time.Second
	var p leasetimer.Policy
	counts := make([]int, length/bin)
	for range pools {
		c := lease(ttl)
		due := p.Due(c, c.IssuedAt, true, random.Float64())
		for due.Before(issued.Add(length)) {
			counts[due.Sub(issued)/bin]++
			c.IssuedAt, c.ExpiresAt = due, due.Add(ttl)
			due = p.Due(c, due, false, random.Float64())
		}
	}
	return counts
}

func TestFleetSpreads(t *testing.T) {
	for seed := range uint64(10) {
		counts := fleet(200, time.Minute, 10*time.Minute, rand.New(rand.NewPCG(seed, 1)))
		sum, most := 0, 0
		for _, n := range counts {
			sum += n
			most = max(most, n)
		}
		mean := float64(sum) / float64(len(counts))
		if float64(most) > 1.5*mean {
			t.Errorf("seed %d: %d fetches in the worst 10 s, %.1f on average: %v", seed, most, mean, counts)
		}
	}
}

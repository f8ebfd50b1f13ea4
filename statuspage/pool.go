package statuspage

import "github.com/rekeyhq/rekey"

// Pool is what the page needs of a pool; every pool of rekey has it: managedpool.Pool in both modes, sqladapter.DB. One
// that has PoolStats() rekey.PoolStats, too, is shown with the connections that are in use and idle.
type Pool interface {
	// Status is called for each browser that follows, Options.Interval apart, and must not wait for anything. The
	// same goes for PoolStats.
	Status() rekey.Status
}

// counter is the optional part of a Pool.
type counter interface{ PoolStats() rekey.PoolStats }

// counts is what is shown of rekey.PoolStats: what is, and not what only grows.
type counts struct {
	Max  int `json:"max"`
	Used int `json:"used"`
	Idle int `json:"idle"`
}

// countsOf asks a pool for them; nil where it has none.
func countsOf(pool Pool) *counts {
	c, is := pool.(counter)
	if !is {
		return nil
	}
	stats := c.PoolStats()
	return &counts{Max: stats.Max, Used: stats.Used, Idle: stats.Idle}
}

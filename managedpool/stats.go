package managedpool

import (
	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey"
)

// PoolStats counts the connections of every generation, and what callers have asked of the pool since it was made: what the
// pool itself acquires in a hand-over is not in it, and in Replace mode the wait in line is, where Stat tells of one
// pgxpool's own counts. It costs a look at each pgxpool.
func (p *Pool) PoolStats() rekey.PoolStats { return p.callers.of(p.sums(), p.options.Mode) }

// sums are the counts of all pgxpools, those closed since included.
func (p *Pool) sums() rekey.PoolStats {
	p.mu.RLock()
	defer p.mu.RUnlock()
	sum := p.cur.backing.stats()
	for _, b := range p.backings {
		if b != p.cur.backing {
			sum = sum.Plus(b.stats())
		}
	}
	return sum.Plus(p.past)
}

// stats are those of one pgxpool.
func (b *backing) stats() rekey.PoolStats {
	s := b.pool.Stat()
	return rekey.PoolStats{
		Max: int(s.MaxConns()), MinIdle: int(b.config.MinIdleConns),
		Idle: int(s.IdleConns()), Used: int(s.AcquiredConns()),
		Acquires: s.AcquireCount(), AcquireTime: s.AcquireDuration(),
		Waited: s.EmptyAcquireCount(), WaitTime: s.EmptyAcquireWaitTime(),
		Canceled: s.CanceledAcquireCount(),
	}
}

// addPast adds the counts of a pgxpool that is about to be closed. It is called under the lock of the pool.
func (p *Pool) addPast(b *backing) {
	s := b.stats()
	s.Idle, s.Used = 0, 0
	p.past = p.past.Plus(s)
}

// GenerationOf returns the generation of the credential that a pool's connection was made with, as Status and events
// count them; zero for a connection that is no pool's of this package. It must not be called while another goroutine uses
// the connection.
func GenerationOf(conn *pgx.Conn) uint64 {
	s := sessionOf(conn)
	if s == nil {
		return 0
	}
	return s.generation.Load().ID()
}

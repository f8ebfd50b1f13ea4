// Package fleet simulates thousands of instances of a service that share one source of credentials, over hours, in
// seconds: how often is the source asked, and when at once? Each instance is the pools' own state machine
// (refresh.Model) with the pools' due times, backoffs and circuit breaker; simulated are the clock, the source and the
// database. The same Config gives the same Result.
package fleet

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
)

// Config says what is simulated. Times are counted from the beginning of the simulation.
type Config struct {
	Instances int
	Settings  refresh.Settings // of every pool; zero values mean the defaults
	Lease     time.Duration    // how long a credential lives
	Renews    bool             // the source can extend a lease

	Latency  time.Duration // of an answer of the source
	Capacity float64       // how many requests a second it can answer, one after the other; zero: any number
	Stubborn bool          // it also works on those whose client has gone when their turn comes
	Login    time.Duration // how long a verification takes
	Drain    time.Duration // after which a replaced credential is revoked

	Length time.Duration
	Rollout
	Restarts []Rollout
	Outages  []Window // of the source
	Seed     uint64
}

// Rollout is a start of all instances: each at a random moment within a time.
type Rollout struct{ At, Within time.Duration }

// Window is a time from its beginning up to its end.
type Window struct{ From, To time.Duration }

// Contains reports whether at lies in the window.
func (w Window) Contains(at time.Duration) bool { return at >= w.From && at < w.To }

// epoch is when every simulation begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Run simulates, to the end or until ctx ends: then there is no result. progress, if any, is called at every hour of the
// simulation's time.
func Run(ctx context.Context, c Config, progress func(at time.Duration)) (*Result, error) {
	s := &simulation{
		Config: c, source: server{Config: c}, result: newResult(c.Length),
		random: rand.New(rand.NewPCG(c.Seed, c.Seed)),
	}
	for range c.Instances {
		s.queue = append(s.queue, s.newInstance())
	}
	heap.Init(&s.queue)
	if err := s.run(ctx, progress); err != nil {
		return nil, err
	}
	return s.result, nil
}

// simulation is one that is under way.
type simulation struct {
	Config
	source server
	random *rand.Rand
	queue  queue
	now    time.Duration
	result *Result
}

// stepsBetweenLooks is how many steps a simulation makes before it looks whether it is to go on.
const stepsBetweenLooks = 1 << 10

func (s *simulation) run(ctx context.Context, progress func(time.Duration)) error {
	hour := time.Hour
	for n := 0; ; n++ {
		if n%stepsBetweenLooks == 0 && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		first := s.queue[0]
		at := first.next()
		s.result.pass(s.now, min(at, s.Length))
		if s.now = at; at >= s.Length {
			return nil
		}
		first.step()
		heap.Fix(&s.queue, 0)
		if progress != nil && at >= hour {
			progress(hour)
			hour += time.Hour
		}
	}
}

package main

import (
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/fleet"
	"github.com/rekeyhq/rekey/internal/refresh"
)

const (
	// leastLease is the shortest that is simulated: rates are counted by the second and the minute.
	leastLease = 5 * time.Minute
	// warmUp is how many leases a simulation runs before anything happens, and afterwards how many more.
	warmUp, afterwards = 2, 10

	day    = 24 * time.Hour
	outage = time.Hour
	first  = 5 * time.Minute // after something has happened

	// What is left of the world is simulated as it is measured: an answer of Vault, a login, the end of a hand-over.
	sourceLatency = 20 * time.Millisecond
	loginTime     = 20 * time.Millisecond
	drainTime     = time.Second
)

// scenario is one simulation, and the windows of it that count.
type scenario struct {
	id, title string
	text      string
	config    fleet.Config
	at        time.Duration // when something happens
	windows   []named
}

// named is a window with its name.
type named struct {
	name string
	fleet.Window
}

// scenarios are the simulations that the flags ask for.
func (o options) scenarios() []scenario {
	at := (warmUp * o.lease).Round(time.Second)
	end := at + (afterwards * o.lease).Round(time.Second)
	common := fleet.Config{
		Instances: o.instances, Settings: refresh.Settings{PreferRenew: o.preferRenew}, Lease: o.lease, Renews: true,
		Latency: sourceLatency, Login: loginTime, Drain: drainTime,
		Rollout: fleet.Rollout{Within: o.lease}, Length: end, Seed: o.seed,
	}
	quiet, restart, slow, away := common, common, common, common
	quiet.Length = at + day
	restart.Restarts = []fleet.Rollout{{At: at, Within: o.within}}
	slow.Restarts, slow.Capacity, slow.Stubborn = restart.Restarts, o.capacity, o.stubborn
	back := at + outage
	away.Outages = []fleet.Window{{From: at, To: back}}
	away.Length = end + outage
	return []scenario{
		{
			id: "day", title: "a day", at: at, config: quiet,
			text:    "Started over the length of a lease, and left alone for a day.",
			windows: []named{{"a day", fleet.Window{From: at, To: at + day}}},
		},
		{
			id: "restart", title: "all restarted at once", at: at, config: restart,
			text:    "All instances are killed and started again. Each needs a login, so the first second is as it must be; what counts is that they do not stay together: a pool's first refresh is at a random moment of its whole interval.",
			windows: restartWindows(at, end),
		},
		{
			id: "slow", title: "all restarted at once, and a slow source", at: at, config: slow,
			text:    "The same with a source that answers one request after the other, those whose client waits no longer left out. Requests that it has not answered in time are asked again, with a backoff.",
			windows: restartWindows(at, end),
		},
		{
			id: "outage", title: "an hour without the source", at: back, config: away,
			text: "Every request fails for an hour. A pool keeps its credential until that ends, and asks more often the nearer that comes; then it asks every five to ten seconds, because nothing works without an answer, and after five more minutes every fifteen to thirty.",
			windows: []named{
				{"during the outage", fleet.Window{From: at, To: back}},
				{"the first five minutes after it", fleet.Window{From: back, To: back + first}},
				{"the hours after that", fleet.Window{From: back + first, To: end + outage}},
			},
		},
	}
}

func restartWindows(at, end time.Duration) []named {
	return []named{
		{"the first five minutes", fleet.Window{From: at, To: at + first}},
		{"the hours after that", fleet.Window{From: at + first, To: end}},
	}
}

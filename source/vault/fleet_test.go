package vault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/internal/refresh"
	"github.com/rekeyhq/rekey/source"
)

// idle is a pool that takes every credential and has no connections.
type idle struct{}

func (*idle) Verify(context.Context, source.Credential, *refresh.Generation) error { return nil }
func (*idle) Publish(*refresh.Generation)                                          {}
func (*idle) Extend(*refresh.Generation)                                           {}
func (*idle) Expire(*refresh.Generation)                                           {}
func (*idle) Distrust(*refresh.Generation, bool)                                   {}

// TestFleetSpreads: 200 pools that were started together, each with a login of its own, spread what they ask of Vault.
func TestFleetSpreads(t *testing.T) {
	for _, prefer := range []bool{false, true} {
		t.Run(fmt.Sprintf("prefer renew %v", prefer), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { fleet(t, prefer) })
		})
	}
}

func fleet(t *testing.T, preferRenew bool) {
	const (
		pools  = 200
		ttl    = time.Minute
		length = 20 * time.Minute
		bin    = 10 * time.Second
	)
	began := time.Now()
	var fakes []*fake
	var engines []*refresh.Engine
	for n := range uint64(pools) {
		f := newFake()
		f.leases(ttl)
		f.renews(renewLease, func() time.Duration { return ttl })
		f.renews(renewToken, func() time.Duration { return time.Hour })
		src := dynamic(t, newLogin(t, f, f.logsIn(time.Hour, true), nil), nil)
		engine := refresh.New(refresh.Config{
			Source: src, Target: &idle{}, PreferRenew: preferRenew, Random: rand.New(rand.NewPCG(n, 1)).Float64,
			FetchTimeout: 30 * time.Second, VerifyTimeout: 30 * time.Second, MaxHold: 30 * time.Second,
			BreakerFailures: 5, BreakerOpen: 30 * time.Second,
		})
		engine.Start()
		fakes, engines = append(fakes, f), append(engines, engine)
	}
	time.Sleep(length)
	for _, e := range engines {
		if err := e.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	counts := make([]int, length/bin)
	for _, f := range fakes {
		for _, r := range f.asked {
			if at := r.at.Sub(began); at >= bin { // the start-up burst is over
				counts[min(int(at/bin), len(counts)-1)]++
			}
		}
	}
	counts = counts[1:]
	sum, most := 0, 0
	for _, n := range counts {
		sum += n
		most = max(most, n)
	}
	mean := float64(sum) / float64(len(counts))
	t.Logf("%d requests, %.1f in 10 s on average, %d at most (%.2f times)", sum, mean, most, float64(most)/mean)
	if float64(most) > 1.5*mean {
		t.Errorf("%d requests in the worst 10 s, %.1f on average: %v", most, mean, counts)
	}
}

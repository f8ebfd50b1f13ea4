package awssm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/refresh"
	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/awssm"
)

// idle is a pool that takes every credential and has no connections.
type idle struct{ published, expired atomic.Int64 }

func (*idle) Verify(context.Context, source.Credential, *refresh.Generation) error { return nil }
func (i *idle) Publish(*refresh.Generation)                                        { i.published.Add(1) }
func (*idle) Extend(*refresh.Generation)                                           {}
func (i *idle) Expire(*refresh.Generation)                                         { i.expired.Add(1) }
func (*idle) Distrust(*refresh.Generation, bool)                                   {}

// engine is what a pool has that decides when to ask.
func engine(src source.Source, target *idle, seed uint64, tell func(rekey.Event)) *refresh.Engine {
	e := refresh.New(refresh.Config{
		Source: src, Target: target, OnEvent: tell, Random: rand.New(rand.NewPCG(seed, 1)).Float64,
		FetchTimeout: 30 * time.Second, VerifyTimeout: 30 * time.Second, MaxHold: 30 * time.Second,
		BreakerFailures: 5, BreakerOpen: 30 * time.Second,
	})
	e.Start()
	return e
}

// TestHourWithoutTheService: the login in use stays in use, the service is not stormed, and what has changed meanwhile is
// found soon after it is back.
func TestHourWithoutTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore(t, login("u", "p1"))
		target := &idle{}
		var failures atomic.Int64
		e := engine(s.source(t, nil), target, 1, func(event rekey.Event) {
			if _, failed := event.(rekey.RefreshFailedEvent); failed {
				failures.Add(1)
			}
		})
		time.Sleep(time.Hour)
		version := s.put(t, login("u", "p2"))
		s.server.FailAll(fake.Unavailable)
		s.server.ForgetRequests()
		for range 3600 {
			time.Sleep(time.Second)
			if state := e.View().State(); state != rekey.StateServing && state != rekey.StateDegraded {
				t.Fatalf("it is %v", state)
			}
		}
		asked := s.server.Calls("")
		s.server.Heal()
		healed := time.Now()
		for e.View().Current.Credential.Version != version {
			time.Sleep(time.Second)
		}
		t.Logf("%d calls in the hour, %d failures told; found %v after the service was back", asked, failures.Load(), time.Since(healed))
		if asked > 130 || time.Since(healed) > 2*time.Minute || target.expired.Load() > 0 || failures.Load() == 0 {
			t.Errorf("%d calls, found after %v, expired %d times", asked, time.Since(healed), target.expired.Load())
		}
		must(t, e.Stop(t.Context()))
	})
}

// TestThousandSecrets: what a thousand sources of one process cost, and that they spread their calls.
func TestThousandSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pools, length, bin = 1000, 11 * time.Minute, 30 * time.Second
		s := newStore(t, login("u", "p"))
		client := secretsmanager.NewFromConfig(s.server.Config(), once)
		var ids []string
		for n := range pools {
			id, text := fmt.Sprintf("prod/app/db-%d", n), login(fmt.Sprintf("u%d", n), planted(n))
			_, err := s.admin.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &id, SecretString: &text})
			must(t, err)
			ids = append(ids, id)
		}
		s.server.ForgetRequests()
		before, goroutines := heap(), runtime.NumGoroutine()
		began := time.Now()
		var engines []*refresh.Engine
		for n, id := range ids {
			src, err := awssm.New(client, id, nil)
			must(t, err)
			engines = append(engines, engine(src, &idle{}, uint64(n), func(rekey.Event) {}))
		}
		synctest.Wait()
		more := runtime.NumGoroutine() - goroutines
		time.Sleep(length)
		memory := heap() - before // the server's log included
		counts := make([]int, length/bin+1)
		for _, r := range s.server.Requests() {
			counts[r.At.Sub(began)/bin]++
		}
		sum, most := 0, 0
		start := int(5*time.Minute/bin) + 1 // the first look costs two calls
		for _, n := range counts[start : len(counts)-1] {
			sum, most = sum+n, max(most, n)
		}
		mean := float64(sum) / float64(len(counts)-1-start)
		t.Logf("%d pools: %d goroutines, %.1f calls a second on average, %.1f in the worst 30 s; at most %d KiB for a pool, with the test's log of its calls",
			pools, more, mean/30, float64(most)/30, memory/pools/1024)
		if more > pools+10 {
			t.Errorf("%d goroutines for %d pools", more, pools)
		}
		if float64(most) > 1.5*mean {
			t.Errorf("%d calls in the worst 30 s, %.1f on average", most, mean)
		}
		for _, e := range engines {
			must(t, e.Stop(t.Context()))
		}
	})
}

// heap is how many bytes are in use.
func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

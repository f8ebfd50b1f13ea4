package awssm_test

import (
	"testing"
	"time"

	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	fake "github.com/rekeyhq/rekey/internal/testenv/secretsmanager"
	"github.com/rekeyhq/rekey/source/awssm"
	"github.com/rekeyhq/rekey/source/sourcetest"
)

// TestConformance runs the suite for sources. While its TTL is not over the source answers from the cache.
func TestConformance(t *testing.T) {
	sourcetest.Run(t, sourcetest.Harness{ServesStale: true, Make: func(t *testing.T) *sourcetest.Origin {
		n := 0
		server := envtest.OwnSecretsManager(t)
		s := keep(t, server, login("u", planted(n)))
		return &sourcetest.Origin{
			Source: s.source(t, &awssm.Options{TTL: time.Second}),
			Rotate: func(t *testing.T) {
				n++
				s.put(t, login("u", planted(n)))
			},
			Break:  func(*testing.T) { server.FailAll(fake.Unavailable) },
			Repair: func(*testing.T) { server.Heal() },
			Stall: func(*testing.T) func() {
				server.SetLatency(time.Hour)
				<-time.After(time.Second) // what is in the cache is over
				return func() { server.SetLatency(0) }
			},
		}
	}})
}

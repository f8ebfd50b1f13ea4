package refresh

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// TestModelBreakerIsTheBreaker: beside each other, through thousands of fetches of any outcome at any time, the model's breaker
// lets pass exactly what the engine's does, which is gobreaker's.
func TestModelBreakerIsTheBreaker(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) { compareBreakers(t, rand.New(rand.NewPCG(seed, 7))) })
	}
}

func compareBreakers(t *testing.T, random *rand.Rand) {
	failures, longest := 1+random.IntN(4), time.Duration(1+random.IntN(60))*time.Second
	real, model := newBreaker(uint32(failures), longest), modelBreaker{failures: failures, longest: longest}
	model.fit(0)
	failing, opened, stopped := 0.5, 0, 0
	for n := range 2000 {
		switch random.IntN(20) {
		case 0:
			slack := time.Duration(random.IntN(300)) * time.Second
			real.fit(slack)
			model.fit(slack)
		case 1:
			failing = []float64{0, 0.5, 0.9, 1}[random.IntN(4)]
		}
		time.Sleep(time.Duration(random.IntN(4*int(longest)/3)) * time.Duration(random.IntN(3)) / 2)
		force, ok := random.IntN(10) == 0, random.Float64() >= failing
		latency := time.Duration(random.IntN(2000)) * time.Millisecond
		passes := model.pass(force, time.Now())
		asked := force
		ask := func() (source.Credential, error) {
			asked = true
			time.Sleep(latency)
			if ok {
				return source.Credential{}, nil
			}
			return source.Credential{}, errStore
		}
		if force {
			_, _ = ask()
		} else {
			_, _ = real.circuit.Execute(ask)
		}
		if asked != passes {
			t.Fatalf("fetch %d: gobreaker lets it pass: %v, the model: %v", n, asked, passes)
		}
		if asked {
			model.answered(ok, time.Now())
		} else {
			stopped++
		}
		if real.state() == "open" {
			opened++
		}
	}
	if opened == 0 || stopped == 0 {
		t.Error("no breaker ever opened: this showed nothing")
	}
}

package gate

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestGate: one at a time, the others wait for its end, and the next comes an interval later.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(time.Second)
		if !g.Begin() {
			t.Fatal("the first was not admitted")
		}
		waited := make(chan bool)
		go func() { waited <- g.Begin() }()
		synctest.Wait()
		select {
		case <-waited:
			t.Error("the second did not wait")
		default:
		}
		g.End()
		if <-waited {
			t.Error("the second was admitted as well")
		}
		if g.Begin() {
			t.Error("admitted within the interval")
		}
		time.Sleep(time.Second)
		if !g.Begin() {
			t.Error("not admitted after the interval")
		}
		g.End()
	})
}

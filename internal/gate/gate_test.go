package gate

import (
	"context"
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
		if !g.Begin(t.Context()) {
			t.Fatal("the first was not admitted")
		}
		waited := make(chan bool)
		go func() { waited <- g.Begin(t.Context()) }()
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
		if g.Begin(t.Context()) {
			t.Error("admitted within the interval")
		}
		time.Sleep(time.Second)
		if !g.Begin(t.Context()) {
			t.Error("not admitted after the interval")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if g.Begin(ctx) || ctx.Err() == nil {
			t.Error("a caller waited beyond the end of his context, or not at all")
		}
		g.End()
	})
}

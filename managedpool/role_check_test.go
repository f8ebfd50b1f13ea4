package managedpool

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRoleCheckTurns: one check at a time; whoever comes meanwhile waits for its end; not more than one in an interval.
func TestRoleCheckTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &roleCheck{limit: limiter{interval: roleCheckInterval}}
		if !c.begin() {
			t.Fatal("the first check is refused")
		}
		var waiting sync.WaitGroup
		var made, over atomic.Int32
		for range 10 {
			waiting.Go(func() {
				if c.begin() {
					made.Add(1)
					c.end()
				}
				over.Add(1)
			})
		}
		time.Sleep(time.Second) // long after the interval
		synctest.Wait()
		if over.Load() != 0 {
			t.Errorf("%d did not wait for the verdict", over.Load())
		}
		c.end()
		waiting.Wait()
		if made.Load() != 0 {
			t.Errorf("%d checks beside the first", made.Load())
		}
		if !c.begin() {
			t.Fatal("the next check is refused")
		}
		c.end()
		if c.begin() {
			t.Error("two checks in an interval")
		}
		time.Sleep(roleCheckInterval)
		if !c.begin() {
			t.Error("no check after the interval")
		}
	})
}

// TestLimiterSurvivesTheClock: a clock that is set back stops nothing.
func TestLimiterSurvivesTheClock(t *testing.T) {
	l := limiter{interval: time.Second}
	l.last.Store(time.Now().Add(time.Hour).UnixNano())
	if !l.allow() || l.allow() {
		t.Error("it waits for the old time")
	}
}

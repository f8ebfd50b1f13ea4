package worker

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWorker: it runs while there is something to do, looks again after a kick that came meanwhile, and not after its end.
func TestWorker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var looks int
		var w *Worker
		w = New(func() { looks++; w.Pause(time.Minute) })
		synctest.Wait()
		if looks != 0 {
			t.Errorf("looked %d times before a kick", looks)
		}
		w.Kick()
		synctest.Wait()
		began := time.Now()
		w.Kick() // wakes it, and makes it look again
		synctest.Wait()
		if looks != 2 || time.Since(began) != 0 {
			t.Errorf("looked %d times within %v", looks, time.Since(began))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if w.running || looks != 2 {
			t.Errorf("running is %v after %d looks, with nothing to do", w.running, looks)
		}
		w.Kick()
		synctest.Wait()
		w.Stop() // ends the pause
		w.Kick()
		synctest.Wait()
		if looks != 3 || w.running {
			t.Errorf("looked %d times, running is %v after the end", looks, w.running)
		}
	})
}

// TestWorkerPauseUntil: a time that is far away, or none, is not slept through.
func TestWorkerPauseUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := New(nil)
		for _, tt := range []struct{ until, want time.Duration }{
			{0, LongestPause}, {time.Hour, LongestPause}, {time.Millisecond, time.Millisecond}, {-time.Hour, 0},
		} {
			began, until := time.Now(), time.Time{}
			if tt.until != 0 {
				until = began.Add(tt.until)
			}
			if w.PauseUntil(until) || time.Since(began) != tt.want {
				t.Errorf("until %v: waited %v, want %v", tt.until, time.Since(began), tt.want)
			}
		}
		w.Wake <- struct{}{}
		began := time.Now()
		if !w.PauseUntil(time.Time{}) || time.Since(began) != 0 {
			t.Errorf("a kick was slept through, or not told; waited %v", time.Since(began))
		}
		w.Stop()
		if w.PauseUntil(time.Time{}) || time.Since(began) != 0 {
			t.Errorf("waited %v after its end", time.Since(began))
		}
	})
}

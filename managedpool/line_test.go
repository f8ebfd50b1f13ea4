package managedpool

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestLineLooksBetweenOffers: connections that come home each millisecond do not keep the first in line from looking for what
// becomes free without coming home.
func TestLineLooksBetweenOffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, b := &line{}, &backing{}
		var looks atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		for range 20 {
			go queue(ctx, l, &looks)
		}
		synctest.Wait()
		looks.Store(0)
		const offers = 10_000
		for range offers {
			l.offer(b, calmPause)
			time.Sleep(time.Millisecond)
		}
		if n, each := looks.Load(), int64(calmPause/time.Millisecond); n < offers/each/2 || n > offers/each*2 {
			t.Errorf("%d looks in %d ms, want one each %d ms or so", n, offers, each)
		}
		cancel()
		synctest.Wait()
	})
}

// queue is a caller who comes again and again, and looks in vain when he is the first.
func queue(ctx context.Context, l *line, looks *atomic.Int64) {
	var over atomic.Bool
	for ctx.Err() == nil {
		w := l.join(l.ticket())
		for ctx.Err() == nil {
			first, err := l.await(ctx, w, &over)
			if err != nil || !first {
				break
			}
			looks.Add(1)
			select {
			case <-w.wake:
			case <-time.After(time.Hour):
			case <-ctx.Done():
			}
		}
		l.leave(w)
	}
}

// TestLineKeepsLooking: where the one who is due to look is offered a connection before he has begun, the next one looks.
func TestLineKeepsLooking(t *testing.T) {
	l, b := &line{}, &backing{}
	var over atomic.Bool
	first, second := l.join(l.ticket()), l.join(l.ticket())
	if looks, err := l.await(t.Context(), first, &over); !looks || err != nil {
		t.Fatal("the first does not look")
	}
	l.offer(b, time.Hour)
	if len(second.wake) != 0 {
		t.Error("the second was woken though nobody was due to look")
	}
	third := l.join(l.ticket())
	l.look() // a place is free
	<-second.wake
	l.offer(b, time.Hour) // which the second takes instead
	if len(third.wake) == 0 {
		t.Error("nobody looks for the place that is free")
	}
	l.mu.Lock()
	l.nudge.Stop()
	l.mu.Unlock()
}

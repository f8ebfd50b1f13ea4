package contender

import (
	"context"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// retryAfter is how long a watcher waits after a change that it could not follow.
const retryAfter = 200 * time.Millisecond

// watcher calls a function at each change of the secret, and again where that failed.
type watcher struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func watch(s *store.Store, follow func(context.Context) error) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{cancel: cancel}
	changed := s.Changed()
	w.done.Go(func() {
		var retry <-chan time.Time
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			case <-retry:
			}
			changed, retry = s.Changed(), nil // before the look: a change after it is seen
			if follow(ctx) != nil {
				retry = time.After(retryAfter)
			}
		}
	})
	return w
}

func (w *watcher) stop() {
	w.cancel()
	w.done.Wait()
}

package probe

import (
	"context"
	"fmt"
	"time"
)

// Timeout gives p at most d to finish, and less if the caller's context ends sooner. When the time is over, p
// returns what it makes of context.DeadlineExceeded; the probes of this package return an error for which
// [Lacks] is false. A p that ignores its context is not interrupted. d must be positive.
func Timeout(d time.Duration, p Probe) Probe { return timeout{limit: d, probe: p} }

type timeout struct {
	limit time.Duration
	probe Probe
}

func (t timeout) Check(ctx context.Context, target Target) error {
	ctx, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	return t.probe.Check(ctx, target)
}

func (t timeout) Validate() error {
	if t.limit <= 0 {
		return fmt.Errorf("probe: Timeout: the duration must be positive, and is %v", t.limit)
	}
	return Validate(t.probe)
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/progress"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
)

// lead is how long before a refresh Vault is stopped, so that the refresh does not come through.
const lead = 50 * time.Millisecond

// outage stops Vault when the pool would need it. Connections to it are accepted, and nobody answers.
type outage struct {
	vault *testenv.Vault
	pool  *managedpool.Pool
	show  *progress.Progress
}

// run lets Vault stand still once, some time after now, and returns for how long it did. When ctx ends it may be not at
// all.
func (o *outage) run(ctx context.Context, after time.Duration) (time.Duration, error) {
	wait(ctx, after)
	due, notAfter := o.next(ctx)
	wait(ctx, time.Until(due)-lead)
	if ctx.Err() != nil {
		return 0, nil
	}
	slack := notAfter.Sub(due)
	o.show.Note(fmt.Sprintf("Vault is stopped: a refresh is due, and connections have to be closed %v later", slack.Round(time.Millisecond)))
	begun := time.Now()
	if err := o.vault.Pause(); err != nil {
		return 0, err
	}
	wait(ctx, time.Until(due.Add(slack*9/10)))
	err := o.vault.Resume()
	stood := time.Since(begun)
	o.show.Note(fmt.Sprintf("Vault goes on after %v", stood.Round(time.Millisecond)))
	return stood, err
}

// next returns when the next refresh is due that has not begun yet, and until when its lease can be used.
func (o *outage) next(ctx context.Context) (due, notAfter time.Time) {
	for ctx.Err() == nil {
		now := o.pool.Status()
		if time.Until(now.NextRefresh) > 2*lead && now.Failures == 0 {
			return now.NextRefresh, now.NotAfter
		}
		wait(ctx, lead)
	}
	return due, notAfter
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

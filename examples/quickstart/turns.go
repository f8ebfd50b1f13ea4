package main

import (
	"context"
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/examples/internal/census"
	"github.com/rekeyhq/rekey/examples/internal/load"
	"github.com/rekeyhq/rekey/examples/internal/progress"
)

// turns measures two pools under the same load, one after the other and again, so that whatever else the
// machine does hits both.
type turns struct {
	show     *progress.Progress
	opts     options
	plain    *load.Load
	managed  *load.Load
	rotation *rotation
	sessions *census.Census
}

// take runs all of them. Every other round begins with the other pool.
func (t *turns) take(ctx context.Context) error {
	t.show.Say("opening the connections")
	t.plain.WarmUp(ctx)
	t.managed.WarmUp(ctx)
	for round := range t.opts.rounds() {
		first, second := t.plainTurn, t.managedTurn
		if round%2 == 1 {
			first, second = second, first
		}
		if err := first(ctx, round); err != nil {
			return err
		}
		if err := second(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

func (t *turns) plainTurn(ctx context.Context, round int) error {
	t.show.Follow(func() string {
		return fmt.Sprintf("%s  plain     %v", t.name(round), t.plain)
	})
	t.plain.Run(ctx, t.opts.turn())
	return ctx.Err()
}

func (t *turns) managedTurn(ctx context.Context, round int) error {
	t.show.Follow(func() string {
		return fmt.Sprintf("%s  rotating  %v, %d rotations, %d sessions, login %s", t.name(round), t.managed,
			t.rotation.count(), t.sessions.Now(), t.rotation.user())
	})
	return rotateUnder(ctx, t.managed, t.rotation, t.opts.turn(), t.opts.every)
}

func (t *turns) name(round int) string { return fmt.Sprintf("round %d/%d", round+1, t.opts.rounds()) }

// rotateUnder rotates under load, and returns when every old login is gone.
func rotateUnder(ctx context.Context, l *load.Load, r *rotation, length, every time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Run(ctx, length)
	}()
	err := r.run(ctx, length, every)
	if err != nil {
		cancel() // the load need not go on
	}
	<-done
	if err != nil {
		return err
	}
	return r.settle(ctx)
}

package main

import (
	"context"
	"fmt"
	"time"
)

// turns measures two pools under the same load, one after the other and again, so that whatever else the
// machine does hits both.
type turns struct {
	show     *progress
	opts     options
	plain    *load
	managed  *load
	rotation *rotation
	census   *census
}

// take runs all of them. Every other round begins with the other pool.
func (t *turns) take(ctx context.Context) error {
	t.show.say("opening the connections")
	t.plain.warmUp(ctx)
	t.managed.warmUp(ctx)
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
	t.show.follow(func() string {
		return fmt.Sprintf("%s  plain     %v", t.name(round), t.plain)
	})
	t.plain.run(ctx, t.opts.turn())
	return ctx.Err()
}

func (t *turns) managedTurn(ctx context.Context, round int) error {
	t.show.follow(func() string {
		return fmt.Sprintf("%s  rotating  %v, %d rotations, %d sessions, login %s", t.name(round), t.managed,
			t.rotation.count(), t.census.now.Load(), t.rotation.user())
	})
	return rotateUnder(ctx, t.managed, t.rotation, t.opts.turn(), t.opts.every)
}

func (t *turns) name(round int) string { return fmt.Sprintf("round %d/%d", round+1, t.opts.rounds()) }

// rotateUnder rotates under load, and returns when every old login is gone.
func rotateUnder(ctx context.Context, l *load, r *rotation, length, every time.Duration) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx, length)
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

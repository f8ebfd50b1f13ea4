package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/contender"
	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/scenario"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

const (
	warmUp      = 150 * time.Millisecond
	dropTimeout = 10 * time.Second
)

// turn is one contender in one scenario, once.
type turn struct {
	contender contender.Contender
	scenario  scenario.Scenario
	size      scenario.Size
	length    time.Duration
	every     time.Duration
}

// outcome is what was seen.
type outcome struct {
	*load.Result
	sessions []server.Count
	calls    int
	cpu      time.Duration
	marks    []scenario.Mark
	conns    int
}

// lateTries is how often a turn is begun that is not ready in time.
const lateTries = 5

// playInTime is play, once more where the machine was too busy to be ready in time.
func (t turn) playInTime(ctx context.Context) (out *outcome, err error) {
	for range lateTries {
		if out, err = t.play(ctx); !errors.Is(err, scenario.ErrLate) {
			break
		}
	}
	return out, err
}

// play makes the roles, opens the pool, and takes all of it away again.
func (t turn) play(ctx context.Context) (out *outcome, err error) {
	roles := t.size.Server.NewRoles()
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropTimeout)
		defer cancel()
		err = errors.Join(err, roles.Drop(ctx))
	}()
	var role server.RoleOptions
	if t.scenario.Role != nil {
		role = t.scenario.Role(t.size.Conns)
	}
	stage, err := scenario.NewStage(ctx, roles, role, t.size.Conns, t.scenario.End)
	if err != nil {
		return nil, err
	}
	stage.Every = t.every
	pool, err := t.contender.Open(ctx, contender.World{
		DSN: t.size.Server.DSN, Store: stage.Store, Conns: t.size.Conns, Overlap: t.scenario.Overlap,
		Lasting: func(ctx context.Context) (server.Login, error) { return roles.Issue(ctx, server.RoleOptions{}) },
	})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", t.contender.Name, err)
	}
	defer pool.Close()
	return t.watch(ctx, stage, pool)
}

// watch warms the pool, and loads it while sessions are counted and the script runs.
func (t turn) watch(ctx context.Context, stage *scenario.Stage, pool contender.Pool) (*outcome, error) {
	work := t.scenario.Load(t.size)
	if !t.scenario.Cold {
		work.Run(ctx, warmUp, pool.Do, load.NewRecorder(0))
		t.fill(ctx, pool)
	}
	census, err := stage.Roles.StartCensus(ctx)
	if err != nil {
		return nil, err
	}
	runtime.GC() // what the turn before has left
	if err := stage.Begin(ctx); err != nil {
		_, censusErr := census.Stop(stage.Began())
		return nil, errors.Join(err, censusErr)
	}
	out := &outcome{conns: t.size.Conns, calls: stage.Store.Calls(), cpu: load.CPU()}
	recorder := load.NewRecorder(int(2 * t.size.Rate * t.length.Seconds()))
	script := t.script(ctx, stage)
	work.Run(ctx, t.length, pool.Do, recorder)
	err = script()
	out.cpu = load.CPU() - out.cpu
	out.calls = stage.Store.Calls() - out.calls
	counts, censusErr := census.Stop(stage.Began())
	if err := errors.Join(err, censusErr, context.Cause(ctx)); err != nil {
		return nil, err
	}
	out.sessions, out.marks = counts, stage.Marks
	out.Result = recorder.Result(stage.Began(), stage.Kills)
	return out, nil
}

// fill opens every connection, so that all begin alike.
func (t turn) fill(ctx context.Context, pool contender.Pool) {
	hold := load.Load{
		Callers: t.size.Conns, SQL: t.size.Server.SlowQuery(100 * time.Millisecond), Rows: server.Rows, Deadline: scenario.Deadline,
	}
	hold.Run(ctx, time.Millisecond, pool.Do, load.NewRecorder(0))
}

// script runs the scenario's; the function that it returns ends it. A floor has none.
func (t turn) script(ctx context.Context, stage *scenario.Stage) (end func() error) {
	if t.scenario.Script == nil || t.contender.Floor {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- t.scenario.Script(ctx, stage) }()
	return func() error {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("the script of %s: %w", t.scenario.ID, err)
		}
		return nil
	}
}

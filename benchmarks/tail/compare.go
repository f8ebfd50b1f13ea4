package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
)

// compare runs the rounds, a plain one and a managed one in turn.
func compare(ctx context.Context, o options, l load, issuer *testenv.Issuer) error {
	rotation, err := newRotation(ctx, issuer)
	if err != nil {
		return err
	}
	login := rotation.login
	dsn := issuer.DSN(login) + fmt.Sprintf(" pool_max_conns=%d", o.conns)
	plain, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer plain.Close()
	managed, err := managedpool.New(ctx, dsn, rotation, nil)
	if err != nil {
		return err
	}
	defer managed.Close()
	stopProfile, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	defer stopProfile()

	var t table
	for n := range o.rounds {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		p := round(ctx, o, l, plain, nil)
		m := round(ctx, o, l, managed, rotation)
		t.add(p, m)
		fmt.Fprintf(os.Stderr, "round %d of %d: plain %s, managed %s\n", n+1, o.rounds, line(p), line(m))
	}
	t.print(os.Stdout, o, rotation.count)
	return nil
}

// round warms a pool and loads it, rotating if there is something to rotate.
func round(ctx context.Context, o options, l load, pool querier, r *rotation) result {
	warm, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	l.run(warm, pool)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, o.length)
	defer cancel()
	if r != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.run(ctx, o.every)
		}()
		defer func() { <-done }()
	}
	return l.run(ctx, pool)
}

func startProfile(path string) (stop func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}

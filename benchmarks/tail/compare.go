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
	first, err := newRotation(ctx, issuer)
	if err != nil {
		return err
	}
	login := first.login
	dsn := issuer.DSN(login) + fmt.Sprintf(" pool_max_conns=%d", o.conns)
	plain, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer plain.Close()
	contenders := []contender{{"plain", plain, nil}}
	modes, err := modesOf(o.mode)
	if err != nil {
		return err
	}
	rotations := []*rotation{first}
	for range modes[1:] { // each its own, or the rotations of one would be the other's as well
		another, err := newRotation(ctx, issuer)
		if err != nil {
			return err
		}
		rotations = append(rotations, another)
	}
	for i, mode := range modes {
		rotation := rotations[i]
		managed, err := managedpool.New(ctx, dsn, rotation, &managedpool.Options{Mode: mode, Headroom: o.headroom})
		if err != nil {
			return err
		}
		defer managed.Close()
		contenders = append(contenders, contender{mode.String(), managed, rotation.run})
	}
	if o.floor {
		beside := logins{issuer: issuer, conns: o.conns}
		contenders = append(contenders, contender{"floor", plain, beside.run})
	}
	stopProfile, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	defer stopProfile()

	t := table{rounds: map[string][]result{}}
	for n := range o.rounds {
		for _, c := range contenders {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r := c.round(ctx, o, l)
			t.add(c.name, r)
			fmt.Fprintf(os.Stderr, "round %d of %d: %s %s\n", n+1, o.rounds, c.name, line(r))
		}
	}
	t.print(os.Stdout, o)
	return nil
}

func modesOf(name string) ([]managedpool.Mode, error) {
	switch name {
	case "inplace":
		return []managedpool.Mode{managedpool.InPlace}, nil
	case "replace":
		return []managedpool.Mode{managedpool.Replace}, nil
	case "both":
		return []managedpool.Mode{managedpool.InPlace, managedpool.Replace}, nil
	default:
		return nil, fmt.Errorf("-mode must be inplace, replace or both, is %q", name)
	}
}

// contender is a pool, and what happens beside its load.
type contender struct {
	name   string
	pool   querier
	beside func(ctx context.Context, every time.Duration) // nil: nothing
}

// round warms the pool and loads it.
func (c contender) round(ctx context.Context, o options, l load) result {
	warm, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	l.run(warm, c.pool)
	cancel()
	ctx, cancel = context.WithTimeout(ctx, o.length)
	defer cancel()
	if c.beside != nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.beside(ctx, o.every)
		}()
		defer func() { <-done }()
	}
	return l.run(ctx, c.pool)
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

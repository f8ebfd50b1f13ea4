package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
)

// demo is one run: a plain pool and a managed one by turns, and then the naive one.
type demo struct {
	opts   options
	show   *progress
	server *testenv.Postgres
	report *report
}

func (d *demo) run(ctx context.Context) (err error) {
	d.show.say("starting a private PostgreSQL")
	if d.server, err = testenv.StartPostgres(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.Stop()) }()
	before := goroutines()
	if err := d.compare(ctx); err != nil {
		return err
	}
	d.report.leakedGoroutines = goroutinesLeft(before)
	return d.contrast(ctx)
}

// compare measures the managed pool beside a plain one.
func (d *demo) compare(ctx context.Context) error {
	issuer, err := newStage(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	pool, err := openPlain(ctx, issuer, d.opts.conns)
	if err != nil {
		return err
	}
	defer pool.Close()
	plain := newLoad(pgxWork{pool}, d.opts.workers)
	defer func() { d.report.plain = plain.result() }()
	return d.manage(ctx, plain)
}

// manage opens the managed pool, lets it take turns with the plain one, and looks at what it leaves behind.
func (d *demo) manage(ctx context.Context, plain *load) (err error) {
	issuer, err := newStage(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	census := startCensus(ctx, issuer)
	defer func() { err = errors.Join(err, census.stop()) }()

	if err := d.serve(ctx, issuer, &turns{show: d.show, opts: d.opts, plain: plain, census: census}); err != nil {
		return err
	}
	d.report.leakedSessions, err = sessionsLeft(ctx, issuer)
	d.report.maxSessions = census.highest()
	return err
}

// serve is the managed pool's life, from its first login on.
func (d *demo) serve(ctx context.Context, issuer *testenv.Issuer, t *turns) error {
	agent, err := newAgent()
	if err != nil {
		return err
	}
	defer agent.remove()
	t.rotation = newRotation(issuer, agent.render)
	if err := t.rotation.rotate(ctx); err != nil {
		return err
	}
	events := newFollower(t.rotation, func(e rekey.Event) { d.show.note(fmt.Sprint(e.Name(), " ", e.Attrs())) })
	opts := &managedpool.Options{OnEvent: events.observe}
	return withPool(ctx, sized(issuer, d.opts.conns), agent.file(), opts, func(pool *managedpool.Pool) error {
		t.managed = newLoad(pgxWork{pool}, d.opts.workers)
		defer func() { d.report.managed, d.report.rotations = t.managed.result(), t.rotation.count() }()
		return t.take(ctx)
	})
}

// contrast runs the same load on the naive pool.
func (d *demo) contrast(ctx context.Context) error {
	issuer, err := newStage(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	pool := &naive{connString: connString(issuer), conns: d.opts.conns}
	defer pool.close()
	rotation := pool.rotation(issuer)
	if err := rotation.rotate(ctx); err != nil {
		return err
	}
	naive := newLoad(sqlWork{pool.DB}, d.opts.workers)
	defer func() { d.report.naive, d.report.naiveRotations = naive.result(), rotation.count() }()
	d.show.follow(func() string { return fmt.Sprintf("swapped *sql.DB     %v, %d rotations", naive, rotation.count()) })
	naive.warmUp(ctx)
	return rotateUnder(ctx, naive, rotation, d.opts.naive(), d.opts.every)
}

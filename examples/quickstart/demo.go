package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/examples/internal/census"
	"github.com/rekeyhq/rekey/examples/internal/leaks"
	"github.com/rekeyhq/rekey/examples/internal/load"
	"github.com/rekeyhq/rekey/examples/internal/progress"
	"github.com/rekeyhq/rekey/examples/internal/stage"
	"github.com/rekeyhq/rekey/examples/internal/watch"
	"github.com/rekeyhq/rekey/examples/internal/work"
	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
)

// demo is one run: a plain pool and a managed one by turns, and then the naive one.
type demo struct {
	opts   options
	show   *progress.Progress
	server *testenv.Postgres
	report *report
}

func (d *demo) run(ctx context.Context, show *progress.Progress) (err error) {
	d.show = show
	d.show.Say("starting a private PostgreSQL")
	if d.server, err = testenv.StartPostgres(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.Stop()) }()
	before := leaks.Goroutines()
	if err := d.compare(ctx); err != nil {
		return err
	}
	d.report.leakedGoroutines = leaks.GoroutinesLeft(before)
	return d.contrast(ctx)
}

// compare measures the managed pool beside a plain one.
func (d *demo) compare(ctx context.Context) error {
	issuer, err := stage.New(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	pool, err := openPlain(ctx, issuer, d.opts.Conns)
	if err != nil {
		return err
	}
	defer pool.Close()
	plain := load.New(work.Pgx{Pool: pool}, d.opts.Workers)
	defer func() { d.report.plain = plain.Result() }()
	return d.manage(ctx, plain)
}

// manage opens the managed pool, with a page to look at it, lets it take turns with the plain one, and looks at what it
// leaves behind.
func (d *demo) manage(ctx context.Context, plain *load.Load) (err error) {
	issuer, err := stage.New(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	sessions := census.Start(ctx, issuer.AllSessions)
	defer func() { err = errors.Join(err, sessions.Stop()) }()

	site, err := watch.Open("rekey quickstart")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	d.show.Note("watch it: " + site.URL())
	if err := d.serve(ctx, issuer, site, &turns{show: d.show, opts: d.opts, plain: plain, sessions: sessions}); err != nil {
		return err
	}
	d.report.leakedSessions, err = leaks.Left(ctx, issuer.AllSessions)
	d.report.maxSessions = sessions.Most()
	return err
}

// serve is the managed pool's life, from its first login on.
func (d *demo) serve(ctx context.Context, issuer *testenv.Issuer, site *watch.Site, t *turns) error {
	agent, err := newAgent()
	if err != nil {
		return err
	}
	defer agent.remove()
	t.rotation = newRotation(issuer, agent.render)
	if err := t.rotation.rotate(ctx); err != nil {
		return err
	}
	events := newFollower(t.rotation, func(e rekey.Event) { d.show.Note(fmt.Sprint(e.Name(), " ", e.Attrs())) })
	opts := &managedpool.Options{OnEvent: site.Observe("managed", events.observe)}
	return withPool(ctx, stage.Sized(issuer, d.opts.Conns), agent.file(), opts, func(pool *managedpool.Pool) error {
		if err := site.Add("managed", pool); err != nil {
			return err
		}
		t.managed = load.New(work.Pgx{Pool: pool}, d.opts.Workers)
		defer func() { d.report.managed, d.report.rotations = t.managed.Result(), t.rotation.count() }()
		return t.take(ctx)
	})
}

// contrast runs the same load on the naive pool.
func (d *demo) contrast(ctx context.Context) error {
	issuer, err := stage.New(ctx, d.server)
	if err != nil {
		return err
	}
	defer issuer.Close()
	pool := &naive{connString: stage.ConnString(issuer), conns: d.opts.Conns}
	defer pool.close()
	rotation := pool.rotation(issuer)
	if err := rotation.rotate(ctx); err != nil {
		return err
	}
	naive := load.New(work.SQL{DB: pool.DB}, d.opts.Workers)
	defer func() { d.report.naive, d.report.naiveRotations = naive.Result(), rotation.count() }()
	d.show.Follow(func() string { return fmt.Sprintf("swapped *sql.DB     %v, %d rotations", naive, rotation.count()) })
	naive.WarmUp(ctx)
	return rotateUnder(ctx, naive, rotation, d.opts.naive(), d.opts.every)
}

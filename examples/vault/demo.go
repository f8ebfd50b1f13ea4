package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"

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

// demo is one run.
type demo struct {
	opts   options
	show   *progress.Progress
	vault  *testenv.Vault
	root   *api.Client
	report *report
}

func (d *demo) run(ctx context.Context, show *progress.Progress) (err error) {
	d.show = show
	if _, err := testenv.VaultProgram(ctx); err != nil { // which may have to be built, and says so
		return err
	}
	d.show.Say("starting a private PostgreSQL and a private Vault")
	server, err := testenv.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if d.vault, err = testenv.StartVault(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.vault.Stop()) }()
	d.vault.CloseIdleConnections()
	before := leaks.Goroutines()
	if err := d.play(ctx, server); err != nil {
		return err
	}
	d.vault.CloseIdleConnections()
	d.report.leakedGoroutines = leaks.GoroutinesLeft(before)
	return nil
}

// play sets up what people set up, starts the service, and looks at what it leaves behind.
func (d *demo) play(ctx context.Context, server *testenv.Postgres) (err error) {
	issuer, err := stage.New(ctx, server)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, issuer.Close()) }()
	d.root = d.vault.Client()
	auth, err := (&operator{vault: d.vault, root: d.root, stage: issuer, opts: d.opts}).setUp(ctx)
	if err != nil {
		return err
	}
	witness, err := newWitness(ctx, issuer.Database().AdminDSN(), d.root)
	if err != nil {
		return err
	}
	defer witness.close()
	if err := d.watch(ctx, issuer, auth, witness); err != nil {
		return err
	}
	return d.report.look(ctx, witness)
}

// watch counts the sessions of the service while it runs, and serves a page to look at it.
func (d *demo) watch(ctx context.Context, issuer *testenv.Issuer, auth api.AuthMethod, witness *witness) (err error) {
	sessions := census.Start(ctx, witness.sessions)
	defer func() {
		err = errors.Join(err, sessions.Stop())
		d.report.maxSessions = sessions.Most()
	}()
	events := &follower{warn: func(e rekey.Event) { d.show.Note(fmt.Sprint(e.Name(), " ", e.Attrs())) }}
	defer func() { d.report.count(events) }()
	site, err := watch.Open("rekey on Vault")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	d.show.Note("watch it: " + site.URL())
	opts := &managedpool.Options{PreferRenew: d.opts.preferRenew, OnEvent: site.Observe("managed", events.observe)}
	client := d.vault.Client()
	client.ClearToken()
	return withPool(ctx, stage.Sized(issuer, d.opts.Conns), client, auth, opts, func(pool *managedpool.Pool) error {
		if err := site.Add("managed", pool); err != nil {
			return err
		}
		return d.serve(ctx, pool, sessions)
	})
}

// serve puts the pool under load, and Vault out of order where that is asked for.
func (d *demo) serve(ctx context.Context, pool *managedpool.Pool, sessions *census.Census) error {
	l := load.New(work.Pgx{Pool: pool}, d.opts.Workers)
	d.show.Follow(func() string {
		now := pool.Status()
		return fmt.Sprintf("%v, lease %d for another %v, %d sessions, user %s", l, now.Generation,
			time.Until(now.ExpiresAt).Round(100*time.Millisecond), sessions.Now(), now.Username)
	})
	l.WarmUp(ctx)
	over := make(chan error)
	go func() { over <- d.disturb(ctx, pool) }()
	l.Run(ctx, d.opts.Length)
	err := errors.Join(<-over, ctx.Err())
	d.report.managed, d.report.generations = l.Result(), pool.Status().Generation
	return err
}

func (d *demo) disturb(ctx context.Context, pool *managedpool.Pool) (err error) {
	if d.opts.outage {
		o := &outage{vault: d.vault, pool: pool, show: d.show}
		d.report.outage, err = o.run(ctx, d.opts.Length/2)
	}
	return err
}

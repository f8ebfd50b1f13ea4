// Command river works off jobs of River whose database login follows a file. River takes pgx's own pool, so it gets the one
// beneath a managedpool.Pool, by Unwrap.
//
//	DATABASE_URL="host=db.internal dbname=app sslmode=verify-full" go run ./river -credentials /vault/secrets/db.json
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
)

// schema is where River has its tables.
const schema = "river"

// VisitArgs is a job.
type VisitArgs struct {
	Account int `json:"account"`
}

// Kind is the job's name.
func (VisitArgs) Kind() string { return "visit" }

// visitor works jobs off.
type visitor struct {
	river.WorkerDefaults[VisitArgs]
	pool *managedpool.Pool
	done *atomic.Int64
}

// Work notes a visit.
func (v *visitor) Work(ctx context.Context, job *river.Job[VisitArgs]) error {
	_, err := v.pool.Exec(ctx, "insert into app.events (account_id, kind) values ($1, 'visit')", job.Args.Account)
	if err == nil {
		v.done.Add(1)
	}
	return err
}

func main() {
	credentials := flag.String("credentials", "", "the file that an agent writes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	src, err := file.Open(*credentials, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	var done atomic.Int64
	if err := serve(ctx, src, os.Getenv("DATABASE_URL"), &done); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
	fmt.Println(done.Load(), "jobs")
}

// stopTimeout bounds the end of jobs that are under way.
const stopTimeout = 10 * time.Second

// serve makes jobs and works them off until ctx ends. The connection on which River listens stays in use, so a hand-over
// gets a time limit; River then listens on a new one.
func serve(ctx context.Context, src source.Source, dsn string, done *atomic.Int64) error {
	pool, err := managedpool.New(ctx, dsn, src, &managedpool.Options{DrainTimeout: time.Second})
	if err != nil {
		return err
	}
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, &visitor{pool: pool, done: done})
	client, err := river.NewClient(riverpgxv5.New(pool.Unwrap()), &river.Config{
		Schema: schema, Workers: workers, Logger: slog.New(slog.DiscardHandler),
		Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 2}},
	})
	if err != nil {
		return err
	}
	if err := client.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	err = enqueue(ctx, client)
	stopping, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	if stopped := client.Stop(stopping); err == nil {
		err = stopped
	}
	return err
}

// enqueue makes jobs until ctx ends.
func enqueue[TTx any](ctx context.Context, client *river.Client[TTx]) error {
	for account := 1; ctx.Err() == nil; account = account%100 + 1 {
		if _, err := client.Insert(context.WithoutCancel(ctx), VisitArgs{Account: account}, nil); err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil
}

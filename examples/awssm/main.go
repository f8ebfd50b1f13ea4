// Awssm asks a database for the time once a second, with a login that AWS Secrets Manager keeps, and says when the login
// changes.
//
//	awssm -secret prod/app/db -database "host=db.internal dbname=app sslmode=verify-full"
//
// The AWS credentials and the Region are found as every AWS program finds them. policy.json is what IAM must allow.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source/awssm"
)

// options are the flags.
type options struct {
	secret, database string
	ttl, every       time.Duration
}

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, restore) // a second signal ends us at once
	opts := options{}
	flag.StringVar(&opts.secret, "secret", "", "the secret's name or ARN")
	flag.StringVar(&opts.database, "database", "", "where the database is, without a login; PGHOST and the like count, too")
	flag.DurationVar(&opts.ttl, "ttl", 0, "how long a new version may go unnoticed (default 5m)")
	flag.DurationVar(&opts.every, "every", time.Second, "the time between two queries")
	flag.Parse()
	if err := run(ctx, opts, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "awssm:", err)
		os.Exit(1)
	}
}

// run works until ctx ends.
func run(ctx context.Context, opts options, out io.Writer) (err error) {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	src, err := awssm.New(secretsmanager.NewFromConfig(cfg), opts.secret, &awssm.Options{TTL: opts.ttl})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(out, nil))
	pool, err := managedpool.New(ctx, opts.database, src, &managedpool.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() {
		calls := src.Calls()
		log.Info("calls of Secrets Manager", "DescribeSecret", calls.DescribeSecret, "GetSecretValue", calls.GetSecretValue)
		err = errors.Join(err, shutdown(pool))
	}()
	return work(ctx, pool, opts.every, log)
}

// work asks for the time until ctx ends, or a query fails.
func work(ctx context.Context, pool *managedpool.Pool, every time.Duration, log *slog.Logger) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		var user string
		var now time.Time
		err := pool.QueryRow(context.WithoutCancel(ctx), "select session_user, now()").Scan(&user, &now)
		if err != nil {
			return err
		}
		log.Info("the database's time", "user", user, "now", now, "generation", pool.Status().Generation)
	}
}

func shutdown(pool *managedpool.Pool) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return pool.Shutdown(ctx)
}

// Command sqlc is a small service on code in the form of sqlc's, over lib/pq, whose database login follows a file.
//
//	DATABASE_URL="host=db.internal dbname=app sslmode=verify-full" go run ./sqlc -credentials /vault/secrets/db.json
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/lib/pq"

	"github.com/rekeyhq/rekey/examples/sqlc/accounts"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/libpq"
)

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
	fmt.Println(done.Load(), "visits")
}

// serve works until ctx ends.
func serve(ctx context.Context, src source.Source, dsn string, done *atomic.Int64) error {
	config, err := pq.NewConfig(dsn)
	if err != nil {
		return err
	}
	db, err := sqladapter.Open(ctx, sqladapter.Config{Source: src, Driver: libpq.New(config)})
	if err != nil {
		return err
	}
	defer db.Close()
	for id := int32(1); ctx.Err() == nil; id = id%100 + 1 {
		if err := visit(context.WithoutCancel(ctx), db, id); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// visit reads a balance and notes that, in one transaction.
func visit(ctx context.Context, db *sqladapter.DB, id int32) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	queries := accounts.New(db).WithTx(tx)
	if _, err := queries.Balance(ctx, id); err != nil {
		return err
	}
	if err := queries.Note(ctx, accounts.NoteParams{AccountID: id, Kind: "visit"}); err != nil {
		return err
	}
	return tx.Commit()
}

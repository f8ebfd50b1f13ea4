// Command gorm is a small service on GORM whose database login follows a file.
//
//	DATABASE_URL="host=db.internal dbname=app sslmode=verify-full" go run ./gorm -credentials /vault/secrets/db.json
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/file"
	"github.com/rekeyhq/rekey/sqladapter"
	"github.com/rekeyhq/rekey/sqladapter/pgxstdlib"
)

// Account is a row of the application's table.
type Account struct {
	ID      int
	Owner   string
	Balance int64
}

// TableName is where GORM finds accounts.
func (Account) TableName() string { return "app.accounts" }

// Event is a row that the service writes.
type Event struct {
	ID        int64
	AccountID int
	Kind      string
}

// TableName is where GORM finds events.
func (Event) TableName() string { return "app.events" }

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
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return err
	}
	db, err := sqladapter.Open(ctx, sqladapter.Config{Source: src, Driver: pgxstdlib.New(config, nil)})
	if err != nil {
		return err
	}
	defer db.Close()
	orm, err := gorm.Open(postgres.New(postgres.Config{Conn: db.DB}), &gorm.Config{})
	if err != nil {
		return err
	}
	for id := 1; ctx.Err() == nil; id = id%100 + 1 {
		if err := visit(orm.WithContext(context.WithoutCancel(ctx)), id); err != nil {
			return err
		}
		done.Add(1)
	}
	return nil
}

// visit reads an account and notes that, in one transaction.
func visit(orm *gorm.DB, id int) error {
	return orm.Transaction(func(tx *gorm.DB) error {
		var account Account
		if err := tx.First(&account, id).Error; err != nil {
			return err
		}
		return tx.Create(&Event{AccountID: account.ID, Kind: "visit"}).Error
	})
}

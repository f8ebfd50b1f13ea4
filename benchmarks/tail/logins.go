package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// logins are what a rotation cannot do without: a new role, and a login for each connection, one after the other.
type logins struct {
	issuer *testenv.Issuer
	conns  int
}

// run makes them until ctx ends.
func (l logins) run(ctx context.Context, every time.Duration) {
	var last sync.WaitGroup
	defer last.Wait()
	issueEach(ctx, l.issuer, every, func(login testenv.Login) {
		last.Go(func() { l.open(login) })
	})
}

// open makes the connections, each after the one before was closed.
func (l logins) open(login testenv.Login) {
	for range l.conns {
		conn, err := pgx.Connect(context.Background(), l.issuer.DSN(login))
		if err != nil {
			fmt.Fprintln(os.Stderr, "tail: logging in:", err)
			return
		}
		conn.Close(context.Background())
	}
}

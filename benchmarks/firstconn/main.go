// Command firstconn measures how long it takes from a credential file being replaced until a caller has a
// connection with the new login, against the least that it could take: one connect plus the probe. Both are
// measured in turn, on one private PostgreSQL.
//
//	go run ./firstconn -rounds 40
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
	"github.com/rekeyhq/rekey/source/file"
)

func main() {
	rounds := flag.Int("rounds", 40, "rotations to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "firstconn:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, rounds int) error {
	server, err := testenv.StartPostgres(ctx)
	if err != nil {
		return err
	}
	defer server.Stop()
	db, err := server.CreateDatabase(ctx)
	if err != nil {
		return err
	}
	issuer, err := testenv.NewIssuer(ctx, db, nil)
	if err != nil {
		return err
	}
	defer issuer.Close()
	folder, err := os.MkdirTemp("", "firstconn")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	m := &measurement{issuer: issuer, path: filepath.Join(folder, "db.json"), seen: map[string]int{}}
	return m.run(ctx, rounds)
}

// measurement is a pool that follows a file, and the times taken.
type measurement struct {
	issuer *testenv.Issuer
	path   string
	login  testenv.Login
	pool   *managedpool.Pool
	mu     sync.Mutex     // guards seen
	seen   map[string]int // connections made with each login, the verified one first
	ready  chan string    // logins that callers can have a connection with

	floors, pools []time.Duration
}

func (m *measurement) run(ctx context.Context, rounds int) error {
	if err := m.rotate(ctx); err != nil {
		return err
	}
	src, err := file.Open(m.path, nil)
	if err != nil {
		return err
	}
	defer src.Close()
	config, err := managedpool.ParseConfig(m.issuer.DSN(m.login))
	if err != nil {
		return err
	}
	m.ready = make(chan string, 2*rounds)
	config.AfterConnect = m.connected
	m.pool, err = managedpool.NewWithConfig(ctx, config, src, nil)
	if err != nil {
		return err
	}
	defer m.pool.Close()
	for range rounds {
		if err := m.round(ctx); err != nil {
			return err
		}
	}
	m.print()
	return nil
}

// round measures the floor with a login of its own, then a rotation.
func (m *measurement) round(ctx context.Context) error {
	other, err := m.issuer.Issue(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := m.connectAndProbe(ctx, other); err != nil {
		return err
	}
	m.floors = append(m.floors, time.Since(began))

	if err := m.rotate(ctx); err != nil {
		return err
	}
	began = time.Now()
	if err := m.awaitLogin(ctx); err != nil {
		return err
	}
	m.pools = append(m.pools, time.Since(began))
	return m.settle(ctx)
}

func (m *measurement) connectAndProbe(ctx context.Context, login testenv.Login) error {
	conn, err := pgx.Connect(ctx, m.issuer.DSN(login))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return probe.Parity{}.Check(ctx, probe.Target{Conn: pgxprobe.Conn(conn), Current: m.login.User})
}

// rotate replaces the file by rename, as an agent does.
func (m *measurement) rotate(ctx context.Context) error {
	login, err := m.issuer.Issue(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(map[string]string{"username": login.User, "password": login.Password})
	if err != nil {
		return err
	}
	if err := os.WriteFile(m.path+".new", text, 0o600); err != nil {
		return err
	}
	m.login = login
	return os.Rename(m.path+".new", m.path)
}

// connected is the pool's AfterConnect. It hears of each login first when it is verified, then when the pool has
// a connection with it.
func (m *measurement) connected(_ context.Context, conn *pgx.Conn) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := conn.Config().User
	if m.seen[user]++; m.seen[user] == 2 {
		m.ready <- user
	}
	return nil
}

// awaitLogin waits until the pool has a connection with the newest login.
func (m *measurement) awaitLogin(ctx context.Context) error {
	for {
		select {
		case user := <-m.ready:
			if user == m.login.User {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settle waits for the hand-over to end, so that the next round meets a pool at rest.
func (m *measurement) settle(ctx context.Context) error {
	for len(m.pool.Status().Draining) > 0 {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

func (m *measurement) print() {
	floor, pool := median(m.floors), median(m.pools)
	fmt.Printf("one connect plus probe   median %v of %d\n", floor.Round(10*time.Microsecond), len(m.floors))
	fmt.Printf("file to first connection median %v of %d\n", pool.Round(10*time.Microsecond), len(m.pools))
	fmt.Printf("ratio of medians %.2f\n", float64(pool)/float64(floor))
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}

package sqladapter_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/internal/testenv/envtest"
	"github.com/rekeyhq/rekey/internal/testenv/loadtest"
	"github.com/rekeyhq/rekey/sqladapter"
)

// load asks a DB for work of all kinds, from many goroutines, until it is stopped.
type load struct {
	stop    chan struct{}
	workers sync.WaitGroup
	done    atomic.Int64
	failed  atomic.Int64
}

func startLoad(t testing.TB, r *rig, workers int) *load {
	l := &load{stop: make(chan struct{})}
	stmt, err := r.db.Prepare("select balance from " + r.accounts + " where id = " + r.arg)
	if err != nil {
		t.Fatal(err)
	}
	think := loadtest.Either(2*time.Millisecond, 0)
	for w := range workers {
		l.workers.Go(func() {
			for n := w; ; n++ {
				select {
				case <-l.stop:
					return
				case <-time.After(think):
				}
				var err error
				if n%16 == 1 {
					var balance int64
					err = stmt.QueryRow(n%100 + 1).Scan(&balance)
				} else {
					err = r.work(context.Background(), n)
				}
				if err != nil && l.failed.Add(1) <= 5 {
					t.Errorf("%s, after %d operations: %v", time.Now().Format("15:04:05.000"), l.done.Load(), err)
				}
				l.done.Add(1)
			}
		})
	}
	t.Cleanup(func() { stmt.Close() })
	return l
}

func (l *load) end() int64 {
	close(l.stop)
	l.workers.Wait()
	return l.done.Load()
}

// work is one operation; n says which.
func (r *rig) work(ctx context.Context, n int) error {
	switch n % 16 {
	case 0:
		return r.transact(ctx)
	case 2:
		return r.readRows(ctx)
	default:
		var balance int64
		return r.db.QueryRowContext(ctx, "select balance from "+r.accounts+" where id = "+r.arg, n%100+1).Scan(&balance)
	}
}

func (r *rig) transact(ctx context.Context) error {
	tx, err := r.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := tx.ExecContext(ctx, "insert into "+r.events+" (account_id, kind) values ("+r.arg+", 'visit')", 1); err != nil {
		return err
	}
	var n int
	if err := tx.QueryRowContext(ctx, "select count(*) from "+r.accounts+" where id < 10").Scan(&n); err != nil {
		return err
	}
	return tx.Commit()
}

func (r *rig) readRows(ctx context.Context) error {
	rows, err := r.db.QueryContext(ctx, "select id, owner from "+r.accounts+" where id <= 20")
	if err != nil {
		return err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var id int
		var owner string
		if err := rows.Scan(&id, &owner); err != nil {
			return err
		}
		n++
	}
	if rows.Err() == nil && n != 20 {
		return fmt.Errorf("%d rows", n)
	}
	return rows.Err()
}

// TestRotationsUnderLoad: no operation fails and the budget holds while logins are replaced, each old one being dropped
// two seconds after the new one appeared, in DBs that keep no idle connection, two, or all.
func TestRotationsUnderLoad(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for _, idle := range []int{0, 2, poolSize} {
			t.Run(fmt.Sprint(idle), func(t *testing.T) {
				rotationsUnderLoad(t, k, loadtest.Either(2, 100), loadtest.Either[int64](0, 200_000), sqladapter.DefaultHeadroom,
					func(r *rig) { r.db.SetMaxIdleConns(idle) })
			})
		}
	})
}

// TestNoHeadroom: the same, where a connection has to go before a session is made in its place.
func TestNoHeadroom(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		rotationsUnderLoad(t, k, loadtest.Either(2, 30), loadtest.Either[int64](0, 50_000), -1, nil)
	})
}

func rotationsUnderLoad(t *testing.T, k kind, rotations int, operations int64, headroom int, prepare func(*rig)) {
	r := newRig(t, k, func(c *sqladapter.Config) { c.Headroom = headroom })
	if prepare != nil {
		prepare(r)
	}
	sessions := loadtest.StartCensus(t, r.issuer)
	work := startLoad(t, r, 32)
	var drops sync.WaitGroup
	pace := time.NewTicker(time.Second)
	defer pace.Stop()
	for range rotations {
		<-pace.C
		old := r.rotate(t)
		drops.Go(func() {
			<-time.After(2 * time.Second)
			r.revoke(t, old)
		})
	}
	r.adoptedLast(t, 10*time.Second)
	drops.Wait()
	for work.done.Load() < operations {
		<-pace.C
	}
	done := work.end()
	seen := sessions.End()
	r.within(t, seen, poolSize+max(0, headroom))
	t.Logf("%d operations, %d failed, %d rotations, %d adopted, at most %d sessions, %d sockets",
		done, work.failed.Load(), rotations, len(loadtest.Find[rekey.AdoptedEvent](r.diary))-1, seen, r.proxy.MaxOpen())
}

// TestIdleConnectionsGo: connections that nobody uses are exchanged with no traffic at all.
func TestIdleConnectionsGo(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		r := newRig(t, k, nil)
		r.warm(t, poolSize)
		old := r.rotate(t)
		began := time.Now()
		r.adoptedLast(t, patience)
		took := time.Since(began)
		envtest.Eventually(t, time.Second, func() bool { return r.sessions(t, old) == 0 }, "the old sessions are gone")
		if n := r.db.Stats().Idle; n < poolSize/2 {
			t.Errorf("%d idle connections are left of %d", n, poolSize)
		}
		t.Logf("%d idle connections exchanged within %v", poolSize, took)
		if err := r.db.Ping(); err != nil {
			t.Error(err)
		}
	})
}

// TestFewCallers: connections are exchanged under callers who leave them no moment's rest and yet do not use them all.
func TestFewCallers(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for _, callers := range []int{1, 3} {
			t.Run(fmt.Sprint(callers), func(t *testing.T) {
				r := newRig(t, k, nil)
				stop := make(chan struct{})
				var running sync.WaitGroup
				for range callers {
					running.Go(func() {
						for n := 0; ; n++ {
							select {
							case <-stop:
								return
							default:
							}
							if err := r.work(context.Background(), n); err != nil {
								t.Error(err)
								return
							}
						}
					})
				}
				for range 2 {
					old := r.rotate(t)
					r.adoptedLast(t, patience)
					r.revoke(t, old)
				}
				close(stop)
				running.Wait()
			})
		}
	})
}

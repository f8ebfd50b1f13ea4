package contender

import (
	"cmp"
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// swap is the pattern that most articles on rotation give: a *sql.DB behind a lock, exchanged for another at each change.
var swap = Contender{
	ID: "swap", Over: "plainsql", Name: "swapped *sql.DB", Extra: -1,
	Text: "A *sql.DB of pgx behind a read-write lock. At each change of the secret another one is opened and pinged; it takes the " +
		"place of the old one, which is closed shortly before the old login ends, or after a second where it does not: who works on it is not disturbed. " +
		"Ping and Close happen outside the lock.",
	Open: openSwap,
}

// swapped is the pool of the moment, and the goroutine that exchanges it.
type swapped struct {
	world   World
	watcher *watcher
	closed  chan struct{}
	closing sync.WaitGroup

	mu sync.RWMutex // guards db
	db *sql.DB
}

func openSwap(ctx context.Context, w World) (Pool, error) {
	s := &swapped{world: w, closed: make(chan struct{})}
	if err := s.exchange(ctx); err != nil {
		return nil, err
	}
	s.watcher = watch(w.Store, s.exchange)
	return s, nil
}

// exchange opens a database with the newest login. Until one works the old one stays.
func (s *swapped) exchange(ctx context.Context) error {
	secret, err := s.world.Store.Get(ctx)
	if err != nil {
		return err
	}
	next, err := openDB(s.world, secret)
	if err != nil {
		return err
	}
	if err := next.PingContext(ctx); err != nil {
		next.Close()
		return err
	}
	s.mu.Lock()
	old := s.db
	s.db = next
	s.mu.Unlock()
	if old != nil {
		s.closing.Go(func() { s.closeLater(old) })
	}
	return nil
}

// grace is how long a database stays open after its place was taken, where logins do not end.
const grace = time.Second

// closeLater gives those who work on a database the time for it.
func (s *swapped) closeLater(db *sql.DB) {
	timer := time.NewTimer(cmp.Or(s.world.lifetime(), grace))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.closed:
	}
	db.Close()
}

// openDB opens a *sql.DB of pgx that keeps its connections.
func openDB(w World, secret store.Secret) (*sql.DB, error) {
	config, err := pgx.ParseConfig(w.dsn(secret))
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(w.Conns)
	db.SetMaxIdleConns(w.Conns)
	return db, nil
}

func (s *swapped) current() *sql.DB {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db
}

func (s *swapped) Do(ctx context.Context, query string, id int) error {
	return doSQL(ctx, s.current(), query, id)
}

func (s *swapped) Close() {
	s.watcher.stop()
	close(s.closed)
	s.closing.Wait()
	s.current().Close()
}

package managedpool

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// backing is one pgxpool, with the configuration that it was made of and the owner's hooks in front of and behind
// the user's own.
type backing struct {
	owner  *Pool
	config *Config       // the user's; it is not changed
	pool   *pgxpool.Pool // set once, by open

	prepareUser func(context.Context, *pgx.Conn) (bool, error)

	published chan struct{} // closed when its login is the one in use
	closed    atomic.Bool   // or about to be
	ending    chan struct{} // closed when it is
	endOnce   sync.Once
	// taken counts callers who have one of its connections or wait for one, and logins, in Replace mode. Those who
	// have hijacked theirs stay in it.
	taken atomic.Int64
	// connects counts the connections that it has begun to make.
	connects atomic.Int64
	// pending counts those among them who were offered an idle connection, or have seen one, and have not got it yet.
	pending atomic.Int64
}

// newBacking prepares a pgxpool for config, which it takes over.
func newBacking(owner *Pool, config *Config) *backing {
	return &backing{
		owner: owner, config: config, prepareUser: userPrepare(config),
		published: make(chan struct{}), ending: make(chan struct{}),
	}
}

// open makes the pgxpool. It connects nothing by itself, except for MinConns and MinIdleConns.
func (b *backing) open(ctx context.Context) error {
	config := b.config.Copy()
	b.install(config)
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config)
	b.pool = pool
	return err
}

// close is pgxpool's: it waits for connections to come back.
func (b *backing) close() {
	b.closed.Store(true)
	b.endOnce.Do(func() { close(b.ending) }) // MinConns that have not been admitted yet end
	b.pool.Close()
}

func (b *backing) isPublished() bool {
	select {
	case <-b.published:
		return true
	default:
		return false
	}
}

// dialConfig returns the configuration that a connect would start from, the user's BeforeConnect applied.
func (b *backing) dialConfig(ctx context.Context) (*pgx.ConnConfig, error) {
	config := b.config.ConnConfig.Copy()
	if err := b.prepareConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("managedpool: BeforeConnect: %w", withoutConfig(err))
	}
	return config, nil
}

// acquireAllIdle is pgxpool's, counted. Whoever comes meanwhile takes all connections for taken.
func (b *backing) acquireAllIdle(ctx context.Context) []*Conn {
	size := int64(b.config.MaxConns)
	b.taken.Add(size)
	idle := b.pool.AcquireAllIdle(ctx)
	b.taken.Add(int64(len(idle)) - size)
	b.owner.router.line.look()
	return idle
}

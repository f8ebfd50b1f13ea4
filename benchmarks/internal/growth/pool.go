package growth

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey"
	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

// pool is one that can be told to rotate.
type pool interface {
	// rotate changes the login and returns when no connection of the one before is left.
	rotate(ctx context.Context) error
	close()
}

// logins are the two that pools change between, and the rest of what a connection needs.
type logins struct {
	config *pgx.ConnConfig
	list   [2]source.Credential
}

func parseLogins(dsns [2]string) (l logins, err error) {
	for n, dsn := range dsns {
		if l.config, err = pgx.ParseConfig(dsn); err != nil {
			return l, errors.New("a connection string cannot be read") // pgx would quote it
		}
		l.list[n] = source.Credential{
			Username: l.config.User, Password: source.NewSecret(l.config.Password), Version: l.config.User,
		}
	}
	return l, nil
}

func open(ctx context.Context, job Job, l logins) (pool, error) {
	config, err := pgxpool.ParseConfig(job.DSNs[0])
	if err != nil {
		return nil, errors.New("a connection string cannot be read")
	}
	config.MaxConns = int32(job.Conns)
	if job.Kind == Plain {
		return openPlain(ctx, config)
	}
	return openManaged(ctx, config, l)
}

// acquirer is what both kinds of pools are.
type acquirer interface {
	Acquire(context.Context) (*pgxpool.Conn, error)
}

// fill opens all connections.
func fill(ctx context.Context, p acquirer, conns int) error {
	held := make([]*pgxpool.Conn, 0, conns)
	defer func() {
		for _, conn := range held {
			conn.Release()
		}
	}()
	for range conns {
		conn, err := p.Acquire(ctx)
		if err != nil {
			return err
		}
		held = append(held, conn)
	}
	return nil
}

// managed is a pool of ours.
type managed struct {
	*managedpool.Pool
	list  [2]source.Credential
	inUse atomic.Int32
	ended chan struct{} // a hand-over
}

func openManaged(ctx context.Context, config *pgxpool.Config, l logins) (p *managed, err error) {
	p = &managed{list: l.list, ended: make(chan struct{}, 1)}
	p.Pool, err = managedpool.NewWithConfig(ctx, config, source.Func(p.fetch), &managedpool.Options{OnEvent: p.hear})
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, p.Pool, int(config.MaxConns)); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

func (p *managed) fetch(context.Context) (source.Credential, error) {
	return p.list[p.inUse.Load()], nil
}

func (p *managed) hear(e rekey.Event) {
	if _, ok := e.(rekey.HandOverEndedEvent); ok {
		select {
		case p.ended <- struct{}{}:
		default: // nobody waits for it
		}
	}
}

func (p *managed) rotate(ctx context.Context) error {
	p.inUse.Store(1 - p.inUse.Load())
	if err := p.Refresh(ctx); err != nil {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: the hand-over has not ended", ctx.Err())
	}
}

func (p *managed) close() { p.Close() }

// plain is pgxpool's own.
type plain struct {
	*pgxpool.Pool
	conns int
}

func openPlain(ctx context.Context, config *pgxpool.Config) (*plain, error) {
	p, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, p, int(config.MaxConns)); err != nil {
		p.Close()
		return nil, err
	}
	return &plain{Pool: p, conns: int(config.MaxConns)}, nil
}

func (p *plain) rotate(ctx context.Context) error {
	p.Reset()
	return fill(ctx, p.Pool, p.conns)
}

func (p *plain) close() { p.Close() }

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rekeyhq/rekey/managedpool"
	"github.com/rekeyhq/rekey/source"
)

const (
	// roundTimeout bounds one round; the slowest waits for a static role's period.
	roundTimeout = time.Minute
	// closeTimeout bounds the shutdown of a pool.
	closeTimeout = 10 * time.Second
)

// followed is a pool that follows a subject.
type followed struct {
	subject  subject
	source   source.Source
	pool     *managedpool.Pool
	recorder *recorder
	conns    int
}

// follow makes a pool with its connections open.
func follow(ctx context.Context, s subject, conns int) (p *followed, err error) {
	p = &followed{subject: s, recorder: newRecorder(), conns: conns}
	if p.source, err = s.Open(ctx); err != nil {
		return nil, err
	}
	config, err := managedpool.ParseConfig(s.DSN("nobody", ""))
	if err != nil {
		p.close()
		return nil, err
	}
	config.MaxConns = int32(conns)
	config.AfterConnect = p.recorder.connected
	// Without ReplaceSameLogin a changed password needs no hand-over, and there would be no connection to wait for.
	p.pool, err = managedpool.NewWithConfig(ctx, config, p.source, &managedpool.Options{OnEvent: p.recorder.hear, ReplaceSameLogin: true})
	if err == nil {
		err = p.settle(ctx)
	}
	if err == nil {
		_, _, err = p.recorder.await(ctx) // the first credential
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close ends the pool and the source. It may be called on what was not made.
func (p *followed) close() {
	if p == nil {
		return
	}
	if p.pool != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		p.pool.Shutdown(ctx)
	}
	if c, ok := p.source.(io.Closer); ok {
		c.Close()
	}
}

// round, of a pool that has settled, changes the secret and waits for the first connection made with the new one.
func (p *followed) round(ctx context.Context, w way) (steps, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, roundTimeout, fmt.Errorf("the pool has not followed within %v", roundTimeout))
	defer cancel()
	if w.refused {
		if err := p.empty(ctx); err != nil {
			return steps{}, err
		}
	}
	if err := p.subject.Change(ctx, p); err != nil {
		return steps{}, err
	}
	if w.refused {
		if err := p.connect(ctx); err != nil {
			return steps{}, err
		}
	}
	a, ready, err := p.recorder.await(ctx)
	if err != nil {
		return steps{}, err
	}
	changed, err := p.subject.Changed(ctx)
	if err != nil {
		return steps{}, err
	}
	return stepsOf(changed, a, ready), nil
}

// empty closes the pool's connections, so that the next caller needs a new one.
func (p *followed) empty(ctx context.Context) error {
	p.pool.Reset()
	return await(ctx, func() bool { return p.pool.Stat().TotalConns() == 0 })
}

// connect is a caller who needs a new connection.
func (p *followed) connect(ctx context.Context) error {
	conn, err := p.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	conn.Release()
	return nil
}

// settle waits for the end of the hand-over and opens all connections, so that every round meets a pool at rest.
func (p *followed) settle(ctx context.Context) error {
	if err := await(ctx, func() bool { return len(p.pool.Status().Draining) == 0 }); err != nil {
		return err
	}
	held := make([]*pgxpool.Conn, 0, p.conns)
	defer func() {
		for _, conn := range held {
			conn.Release()
		}
	}()
	for range p.conns {
		conn, err := p.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		held = append(held, conn)
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/probe"
	"github.com/rekeyhq/rekey/probe/pgxprobe"
)

// floor is the least that a verified connection with a new login can take: one connect plus the probe.
type floor struct {
	config  *pgx.ConnConfig
	current string // the role in use, which the probe is told
}

// newFloor makes a login in the subject's database, and another one if the probe is to compare them.
func newFloor(ctx context.Context, s subject, other bool) (*floor, error) {
	user, password, err := s.Issue(ctx)
	if err != nil {
		return nil, err
	}
	current := user
	if other {
		if current, _, err = s.Issue(ctx); err != nil {
			return nil, err
		}
	}
	config, err := pgx.ParseConfig(s.DSN(user, password))
	if err != nil {
		return nil, errors.New("a connection string cannot be read") // pgx would quote it
	}
	return &floor{config: config, current: current}, nil
}

func (f *floor) take(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	conn, err := pgx.ConnectConfig(ctx, f.config)
	if err != nil {
		return 0, err
	}
	defer conn.Close(ctx)
	err = probe.Parity{}.Check(ctx, probe.Target{Conn: pgxprobe.Conn(conn), Current: f.current})
	return time.Since(began), err
}

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
	current string // another role, to compare the login's rights with
}

// newFloor makes two logins in the subject's database.
func newFloor(ctx context.Context, s subject) (*floor, error) {
	current, _, err := s.Issue(ctx)
	if err != nil {
		return nil, err
	}
	user, password, err := s.Issue(ctx)
	if err != nil {
		return nil, err
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

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/internal/testenv"
)

// spareSessions is how many sessions there are beside those of the pools: an administrator's, those that are just being made
// or ended, and those that the server keeps for superusers.
const spareSessions = 50

// site is the server for the pools, and two logins that they change between.
type site struct {
	*server.Server
	private *testenv.Postgres
	about   string
	dsns    [2]string
}

// openSite starts a private server that takes so many sessions, or connects to the user's, which must.
func openSite(ctx context.Context, dsn string, sessions int) (s *site, err error) {
	s = &site{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if dsn == "" {
		if dsn, err = s.start(ctx, sessions+spareSessions); err != nil {
			return s, err
		}
	}
	if s.Server, err = server.Open(ctx, dsn); err != nil {
		return s, err
	}
	if limit := s.Limit(); limit < sessions+spareSessions {
		return s, fmt.Errorf("the server takes %d sessions (max_connections), and the largest of -pools with -conns needs %d", limit, sessions+spareSessions)
	}
	if s.about = s.String(); s.private != nil {
		s.about = "private " + s.about + " on the same machine, TLS, SCRAM"
	}
	roles := s.NewRoles()
	for n := range s.dsns {
		login, err := roles.Issue(ctx, server.RoleOptions{})
		if err != nil {
			return s, err
		}
		s.dsns[n] = s.DSN(login)
	}
	return s, nil
}

// start makes the private server.
func (s *site) start(ctx context.Context, sessions int) (dsn string, err error) {
	if s.private, err = testenv.StartPostgres(ctx); err != nil {
		return "", err
	}
	db, err := s.private.CreateDatabase(ctx)
	if err != nil {
		return "", err
	}
	admin, err := pgx.Connect(ctx, db.AdminDSN())
	if err != nil {
		return "", err
	}
	_, err = admin.Exec(ctx, fmt.Sprintf("alter system set max_connections = %d", max(100, sessions)))
	if err == nil {
		err = admin.Close(ctx)
	}
	if err == nil {
		err = db.Set(ctx, "log_statement", "none")
	}
	if err == nil {
		err = s.private.Restart(ctx)
	}
	return db.AdminDSN(), err
}

// Close drops what was made and stops what was started.
func (s *site) Close() error {
	var errs []error
	if s.Server != nil {
		errs = append(errs, s.Server.Close())
	}
	if s.private != nil {
		errs = append(errs, s.private.Stop())
	}
	return errors.Join(errs...)
}

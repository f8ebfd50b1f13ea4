// Package server is the PostgreSQL that a benchmark runs on: a private one, or the user's. On both everything is made
// under one name that nobody else has, and dropped at the end.
//
//	s, err := server.Open(ctx, flags.DSN)
//	defer s.Close()
//	roles := s.NewRoles() // for one contender's turn
//	login, err := roles.Issue(ctx, server.RoleOptions{})
//	config, err := pgxpool.ParseConfig(s.DSN(login))
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// closeTimeout bounds the dropping of what was made.
const closeTimeout = 20 * time.Second

// Rows is how many rows the table of [Server.Query] has; its ids begin with 1.
const Rows = 100

// Server is where a benchmark runs. It is safe for concurrent use.
type Server struct {
	private  *testenv.Postgres // nil: the user's
	adminDSN string
	name     string // of the schema, and the beginning of each role's
	database string // quoted
	version  string
	limit    int  // sessions that it takes
	prepared bool // there is something to drop

	mu    sync.Mutex // guards the rest
	count int        // roles made
	roles []*Roles
}

// Open starts a private server, or connects to the one of adminDSN: a superuser, or a role with CREATEROLE, CREATE on the
// database and membership in pg_signal_backend.
func Open(ctx context.Context, adminDSN string) (*Server, error) {
	s := &Server{adminDSN: adminDSN, name: "rekey_bench_" + strings.ToLower(rand.Text()[:8])}
	if adminDSN == "" {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// start makes the private server; a log of every statement would be measured, too.
func (s *Server) start(ctx context.Context) error {
	private, err := testenv.StartPostgres(ctx)
	if err != nil {
		return err
	}
	db, err := private.CreateDatabase(ctx)
	if err == nil {
		err = db.Set(ctx, "log_statement", "none")
	}
	if err != nil {
		return errors.Join(err, private.Stop())
	}
	s.private, s.adminDSN = private, db.AdminDSN()
	return nil
}

// prepare makes the schema with its table.
func (s *Server) prepare(ctx context.Context) error {
	admin, err := s.Admin(ctx)
	if err != nil {
		return err
	}
	defer admin.Close(context.WithoutCancel(ctx))
	err = admin.QueryRow(ctx, "select split_part(current_setting('server_version'), ' ', 1), current_setting('max_connections')::int, "+
		"quote_ident(current_database())").Scan(&s.version, &s.limit, &s.database)
	if err != nil {
		return err
	}
	s.prepared = true
	_, err = admin.Exec(ctx, fmt.Sprintf(`
		create schema %[1]s;
		create table %[1]s.accounts (id int primary key, balance bigint not null);
		insert into %[1]s.accounts select n, 1000 from generate_series(1, %[2]d) n;
		analyze %[1]s.accounts`, s.name, Rows))
	if err != nil {
		return fmt.Errorf("making the schema %s, for which the role of -dsn needs CREATE on the database: %w", s.name, err)
	}
	return nil
}

// Admin makes a connection that may do everything. The caller closes it.
func (s *Server) Admin(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(s.adminDSN)
	if err != nil {
		return nil, errors.New("the connection string of -dsn cannot be read") // pgx would quote it
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // behind any proxy, too
	return pgx.ConnectConfig(ctx, config)
}

// Query reads one row of a table that only roles with rights may read: "select balance … where id = $1".
func (s *Server) Query() string { return "select balance from " + s.name + ".accounts where id = $1" }

// SlowQuery takes that long, and reads the table as well.
func (s *Server) SlowQuery(d time.Duration) string {
	return fmt.Sprintf("select balance from %s.accounts, pg_sleep(%g) where id = $1", s.name, d.Seconds())
}

// Limit is how many sessions the server takes.
func (s *Server) Limit() int { return s.limit }

// String is for a report.
func (s *Server) String() string {
	if s.private != nil {
		return "private PostgreSQL " + s.version + " on the same machine, TLS, SCRAM"
	}
	return "PostgreSQL " + s.version
}

// Close drops everything that was made, and stops a private server. It does not need a live context, so that an
// interrupt leaves nothing behind.
func (s *Server) Close() error {
	if s.private != nil {
		return s.private.Stop()
	}
	if !s.prepared {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.mu.Lock()
	roles := s.roles
	s.mu.Unlock()
	var errs []error
	for _, r := range roles {
		errs = append(errs, r.Drop(ctx))
	}
	admin, err := s.Admin(ctx)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	defer admin.Close(ctx)
	_, err = admin.Exec(ctx, "drop schema if exists "+s.name+" cascade")
	return errors.Join(append(errs, err)...)
}

// nextName is a role that nobody has.
func (s *Server) nextName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	return fmt.Sprintf("%s_r%d", s.name, s.count)
}

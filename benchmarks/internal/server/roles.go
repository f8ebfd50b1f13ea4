package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rekeyhq/rekey/internal/testenv"
)

// workTimeout bounds each change that an issuer makes.
const workTimeout = 10 * time.Second

// Roles are the logins that one contender has in one turn, and the issuer that makes and ends them. It is safe for
// concurrent use.
type Roles struct {
	server *Server

	work  sync.Mutex // held while admin is used
	admin *pgx.Conn

	mu   sync.Mutex // guards oids and live
	oids []uint32   // of all that were made: a session outlives its role's name
	live map[string]bool
}

// RoleOptions is what a role is like.
type RoleOptions struct {
	ConnectionLimit int       // its own; 0: none
	ValidUntil      time.Time // zero: for ever
}

// NewRoles has none yet.
func (s *Server) NewRoles() *Roles {
	r := &Roles{server: s, live: map[string]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.roles = append(s.roles, r)
	return r
}

// Issue makes a role that may read the table.
func (r *Roles) Issue(ctx context.Context, o RoleOptions) (Login, error) {
	login := Login{User: r.server.nextName(), Password: rand.Text()}
	verifier, err := testenv.ScramVerifier(login.Password)
	if err != nil {
		return Login{}, err
	}
	limits := ""
	if o.ConnectionLimit > 0 {
		limits += fmt.Sprintf(" connection limit %d", o.ConnectionLimit)
	}
	if !o.ValidUntil.IsZero() {
		limits += " valid until '" + o.ValidUntil.UTC().Format(time.RFC3339Nano) + "'"
	}
	r.mu.Lock()
	r.live[login.User] = true
	r.mu.Unlock()
	err = r.exec(ctx, fmt.Sprintf(`
		create role %[1]s login password '%[2]s'%[3]s;
		grant connect on database %[5]s to %[1]s;
		grant usage on schema %[4]s to %[1]s;
		grant select on %[4]s.accounts to %[1]s`, login.User, verifier, limits, r.server.name, r.server.database))
	if err != nil {
		r.mu.Lock()
		delete(r.live, login.User)
		r.mu.Unlock()
		return Login{}, fmt.Errorf("making a role, for which that of -dsn needs CREATEROLE: %w", err)
	}
	err = r.use(ctx, func(ctx context.Context, admin *pgx.Conn) error {
		return admin.QueryRow(ctx, "select oid from pg_roles where rolname = $1", login.User).Scan(&login.oid)
	})
	r.mu.Lock()
	r.oids = append(r.oids, login.oid)
	r.mu.Unlock()
	return login, err
}

// ChangePassword gives the role another password. Its sessions live on.
func (r *Roles) ChangePassword(ctx context.Context, login Login) (Login, error) {
	login.Password = rand.Text()
	verifier, err := testenv.ScramVerifier(login.Password)
	if err != nil {
		return Login{}, err
	}
	return login, r.exec(ctx, fmt.Sprintf("alter role %s password '%s'", login.User, verifier))
}

// Revoke takes a role's rights and drops it, as a secret store does. Its sessions stay, and are of no use.
func (r *Roles) Revoke(ctx context.Context, login Login) error { return r.revoke(ctx, login.User) }

func (r *Roles) revoke(ctx context.Context, user string) error {
	err := r.exec(ctx, fmt.Sprintf(`
		revoke all on %[2]s.accounts from %[1]s;
		revoke all on schema %[2]s from %[1]s;
		revoke all on database %[3]s from %[1]s;
		drop role %[1]s`, user, r.server.name, r.server.database))
	if err == nil {
		r.mu.Lock()
		delete(r.live, user)
		r.mu.Unlock()
	}
	return err
}

// Kill ends the sessions of these roles, and returns when the server has none of those any more.
func (r *Roles) Kill(ctx context.Context) error {
	var pids []int32
	err := r.use(ctx, func(ctx context.Context, admin *pgx.Conn) (err error) {
		rows, _ := admin.Query(ctx, "select pid from pg_stat_activity where usesysid = any($1::oid[])", r.made())
		if pids, err = pgx.CollectRows(rows, pgx.RowTo[int32]); err == nil {
			_, err = admin.Exec(ctx, "select pg_terminate_backend(p) from unnest($1::int[]) p", pids)
		}
		return err
	})
	if err != nil {
		return err
	}
	return r.awaitEnd(ctx, pids)
}

// awaitEnd returns when the server has none of those sessions any more.
func (r *Roles) awaitEnd(ctx context.Context, pids []int32) error {
	const pause = 2 * time.Millisecond
	for range workTimeout / pause {
		left := 0
		err := r.use(ctx, func(ctx context.Context, admin *pgx.Conn) error {
			return admin.QueryRow(ctx, "select count(*) from pg_stat_activity where pid = any($1::int[])", pids).Scan(&left)
		})
		if err != nil || left == 0 {
			return err
		}
		time.Sleep(pause)
	}
	return errors.New("sessions that were terminated do not end")
}

// Drop ends the sessions, drops the roles that are left, and closes the issuer's connection.
func (r *Roles) Drop(ctx context.Context) error {
	r.mu.Lock()
	var users []string
	for user := range r.live {
		users = append(users, user)
	}
	r.mu.Unlock()
	var errs []error
	if len(users) > 0 {
		errs = append(errs, r.Kill(ctx))
	}
	for _, user := range users {
		errs = append(errs, r.revoke(ctx, user))
	}
	r.work.Lock()
	defer r.work.Unlock()
	if r.admin != nil {
		errs = append(errs, r.admin.Close(ctx))
		r.admin = nil
	}
	return errors.Join(errs...)
}

// made returns the numbers of all roles that were made.
func (r *Roles) made() []uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.oids[:len(r.oids):len(r.oids)]
}

func (r *Roles) exec(ctx context.Context, sql string) error {
	return r.use(ctx, func(ctx context.Context, admin *pgx.Conn) error {
		_, err := admin.PgConn().Exec(ctx, sql).ReadAll() // one transaction
		return err
	})
}

// use gives f the issuer's connection, which is made when it is needed. What the issuer has begun it ends, within a
// time of its own, also when ctx ends: we must know which roles there are.
func (r *Roles) use(ctx context.Context, f func(context.Context, *pgx.Conn) error) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), workTimeout)
	defer cancel()
	r.work.Lock()
	defer r.work.Unlock()
	if r.admin == nil || r.admin.IsClosed() {
		if r.admin, err = r.server.Admin(ctx); err != nil {
			r.admin = nil
			return err
		}
	}
	return f(ctx, r.admin)
}

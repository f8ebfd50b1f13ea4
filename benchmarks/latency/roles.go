package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// roles are the logins of a subject whose store does not make them itself.
type roles struct {
	server  *server.Server
	made    *server.Roles
	login   server.Login
	changed time.Time
}

// newRoles makes the first login.
func newRoles(ctx context.Context, s *servers) (*roles, error) {
	r := &roles{server: s.Server, made: s.NewRoles()}
	return r, r.another(ctx)
}

// another takes another login.
func (r *roles) another(ctx context.Context) (err error) {
	r.login, err = r.made.Issue(ctx, server.RoleOptions{})
	return err
}

// anotherPassword gives the login another password.
func (r *roles) anotherPassword(ctx context.Context) (err error) {
	r.login, err = r.made.ChangePassword(ctx, r.login)
	return err
}

// Issue makes a login that the subject does not use.
func (r *roles) Issue(ctx context.Context) (user, password string, err error) {
	login, err := r.made.Issue(ctx, server.RoleOptions{})
	return login.User, login.Password, err
}

// DSN is a connection string for a login.
func (r *roles) DSN(user, password string) string {
	return r.server.DSN(server.Login{User: user, Password: password})
}

// Changed is when the secret has changed.
func (r *roles) Changed(context.Context) (time.Time, error) { return r.changed, nil }

// secret is the login as files and secrets hold it.
func (r *roles) secret() ([]byte, error) {
	return json.Marshal(map[string]string{"username": r.login.User, "password": r.login.Password})
}

// drop ends the sessions and drops the logins.
func (r *roles) drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return r.made.Drop(ctx)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/internal/testenv"
	"github.com/rekeyhq/rekey/source"
	"github.com/rekeyhq/rekey/source/vault"
)

const (
	// dueLease is the life of a lease that comes to its end by itself: due after two thirds of it.
	dueLease = 2 * time.Second
	// rolePeriod is the least that Vault takes for a static role.
	rolePeriod = 5 * time.Second
	// longPeriod is one that does not end while anybody looks.
	longPeriod = time.Hour
	// anyNumber of database users may be made: the source's safety net is for accidents.
	anyNumber = 1_000_000
)

// vaultSecret is what the ways with Vault share: a login of the program at Vault, and the database that Vault makes
// users in.
type vaultSecret struct {
	*servers
	client  *api.Client
	login   *vault.Login
	changed time.Time
}

func newVaultSecret(s *servers) (*vaultSecret, error) {
	v := &vaultSecret{servers: s, client: s.vault.Client()}
	var err error
	v.login, err = vault.NewLogin(s.vault.Client(), nil, nil) // with the root token, which has no end
	return v, err
}

// Issue makes a login that the subject does not use.
func (v *vaultSecret) Issue(ctx context.Context) (user, password string, err error) {
	login, err := v.issuer.Issue(ctx)
	return login.User, login.Password, err
}

// DSN is a connection string for a login.
func (v *vaultSecret) DSN(user, password string) string {
	return v.issuer.DSN(testenv.Login{User: user, Password: password})
}

// Changed is when the secret has changed.
func (v *vaultSecret) Changed(context.Context) (time.Time, error) { return v.changed, nil }

// Close ends the login at Vault, not Vault.
func (v *vaultSecret) Close() error { return v.login.Close() }

// leases are the logins of a dynamic role.
type leases struct {
	*vaultSecret
	role    string
	revoked bool // by an operator; else they come to their time
}

func openDueLease(ctx context.Context, s *servers) (subject, error) {
	return newLeases(ctx, s, dueLease, false)
}

func openRevokedLease(ctx context.Context, s *servers) (subject, error) {
	return newLeases(ctx, s, longPeriod, true)
}

func newLeases(ctx context.Context, s *servers, life time.Duration, revoked bool) (*leases, error) {
	v, err := newVaultSecret(s)
	if err != nil {
		return nil, err
	}
	l := &leases{vaultSecret: v, revoked: revoked}
	if l.role, err = s.engine.DynamicRole(ctx, &testenv.VaultRoleOptions{TTL: life}); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return l, nil
}

func (l *leases) Open(context.Context) (source.Source, error) {
	return l.login.Dynamic(l.engine.Mount, l.role, &vault.DynamicOptions{Burst: anyNumber})
}

// Change revokes the lease in use, or leaves it to come to its time.
func (l *leases) Change(ctx context.Context, p *followed) error {
	status := p.pool.Status()
	if !l.revoked {
		l.changed = status.NextRefresh
		return nil
	}
	err := l.client.Sys().RevokeWithOptionsWithContext(ctx, &api.RevokeOptions{LeaseID: status.Version, Sync: true})
	l.changed = time.Now()
	return err
}

// staticRole is a login whose password Vault changes.
type staticRole struct {
	*vaultSecret
	role   testenv.VaultStaticRole
	rotate bool // by an operator; else Vault does in its own time
}

func openScheduledRole(ctx context.Context, s *servers) (subject, error) {
	return newStaticRole(ctx, s, rolePeriod, false)
}

func openRotatedRole(ctx context.Context, s *servers) (subject, error) {
	return newStaticRole(ctx, s, longPeriod, true)
}

func newStaticRole(ctx context.Context, s *servers, period time.Duration, rotate bool) (*staticRole, error) {
	v, err := newVaultSecret(s)
	if err != nil {
		return nil, err
	}
	r := &staticRole{vaultSecret: v, rotate: rotate}
	if r.role, err = s.engine.StaticRole(ctx, period); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return r, nil
}

func (r *staticRole) Open(context.Context) (source.Source, error) {
	return r.login.Static(r.engine.Mount, r.role.Name)
}

// Change rotates the role, or leaves that to Vault.
func (r *staticRole) Change(ctx context.Context, _ *followed) error {
	if !r.rotate {
		return nil
	}
	err := r.engine.Rotate(ctx, r.role.Name)
	r.changed = time.Now()
	return err
}

// Changed is what Vault says, where it has rotated by itself.
func (r *staticRole) Changed(ctx context.Context) (time.Time, error) {
	if r.rotate {
		return r.changed, nil
	}
	secret, err := r.client.Logical().ReadWithContext(ctx, r.engine.Mount+"/static-creds/"+r.role.Name)
	if err != nil {
		return time.Time{}, err
	}
	text, _ := secret.Data["last_vault_rotation"].(string)
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("no time of the last rotation: %q", text)
	}
	return when, nil
}

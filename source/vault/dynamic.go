package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source"
)

// DynamicOptions are the settings of a [Dynamic]. The zero value is usable.
type DynamicOptions struct {
	// Increment is how long a lease shall live after its renewal, in whole seconds. Less than what is left of it is not
	// asked for: that would shorten it. Vault grants no more than the role's max_ttl after the lease was made. Defaults to
	// 0: the life that the lease was given first.
	Increment time.Duration

	// Burst is how many database users may be asked for at once, whatever the reason, before the source limits itself to
	// one in six seconds, or in a tenth of a lease that lives less than a minute. Defaults to 10. It is a safety net: a
	// pool needs one or two. Pools that share the source share it.
	Burst int

	// KeepDrained, KeepRefused and KeepLast leave leases to their own end: those that no connection uses any more, those
	// that the pool has refused to use, and the one that is in use when the pool is closed. By default they are revoked,
	// which needs update on sys/leases/revoke. See LoginOptions.KeepToken, too: leases die with their token.
	KeepDrained bool
	KeepRefused bool
	KeepLast    bool
}

// Dynamic is a role of the database secrets engine: each Fetch makes a database user. It implements source.Source,
// source.Renewer and source.Retirer, and is safe for concurrent use.
type Dynamic struct {
	login  *Login
	lender *lender
	path   string
	opts   DynamicOptions
	users  userLimit

	mu     sync.Mutex       // guards the rest
	leases map[string]lease // by lease ID: those that were not revoked yet
	life   time.Duration    // of the last one that was made
	failed error            // what came of the last request; nil: a user
}

// Dynamic returns a source of new database users: role of the database engine at mount, which is "database" for most.
// A nil opts means the defaults.
func (l *Login) Dynamic(mount, role string, opts *DynamicOptions) (*Dynamic, error) {
	path, err := apiPath("Dynamic", mount, "creds", role)
	if err != nil {
		return nil, err
	}
	d := &Dynamic{login: l, lender: newLender(l, path), path: path, leases: map[string]lease{}}
	if opts != nil {
		d.opts = *opts
	}
	if d.opts.Increment < 0 || d.opts.Increment%time.Second != 0 {
		return nil, fmt.Errorf("vault: DynamicOptions.Increment must be whole seconds, is %v", d.opts.Increment)
	}
	if d.opts.Burst < 0 {
		return nil, fmt.Errorf("vault: DynamicOptions.Burst must not be negative, is %d", d.opts.Burst)
	}
	d.users = newUserLimit(cmp.Or(d.opts.Burst, userBurst))
	return d, nil
}

// Fetch implements source.Source: it makes a database user. Its Version is the lease ID, and it expires with the lease or
// with the token that asked for it, counted from before the request was sent. Beyond DynamicOptions.Burst it fails
// without asking Vault.
//
// When ctx ends, Fetch returns, but its request goes on for up to fifteen seconds, because one that is cut off within Vault
// may leave a user without a lease. The next Fetch gets what came too late for this one, or it is revoked.
func (d *Dynamic) Fetch(ctx context.Context) (source.Credential, error) {
	if err := d.login.open(); err != nil {
		return source.Credential{}, err
	}
	made, ok := d.lender.takeSpare()
	if !ok {
		var err error
		if made, err = d.borrow(ctx); err != nil {
			return source.Credential{}, err
		}
	}
	d.users.fit(made.lease.life)
	d.remember(made.credential, made.lease)
	return made.credential, nil
}

// borrow has a lease made.
func (d *Dynamic) borrow(ctx context.Context) (made loan, err error) {
	err = d.login.with(ctx, d.lastLife(), func(t *token) error {
		if err := d.users.take(d.path); err != nil {
			return d.because(err)
		}
		made, err = d.lender.lend(ctx, t)
		d.outcome(err)
		return err
	})
	return made, err
}

func (d *Dynamic) outcome(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = err
}

// because adds to why Vault was not asked what it said last: that is the trouble, in an outage.
func (d *Dynamic) because(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		return err
	}
	return fmt.Errorf("%w; the last request failed: %w", err, d.failed)
}

// Renew implements source.Renewer: it extends c's lease. Where Vault grants less than was asked for, because the role's
// max_ttl or the token's end is near, RefreshAfter says that it is time for a new user.
func (d *Dynamic) Renew(ctx context.Context, c source.Credential) (source.Credential, error) {
	known := d.lookUp(c)
	want := d.increment(known)
	var (
		asked  time.Time
		secret *api.Secret
	)
	err := d.login.with(ctx, max(want, d.lastLife()), func(t *token) (err error) {
		if known.token == nil {
			known.token = t
		}
		asked = time.Now()
		secret, err = t.send(ctx, "renew", http.MethodPut, renewPath, map[string]any{
			"lease_id": c.Version, "increment": int(want / time.Second), // 0: as the role says
		})
		return err
	})
	if err != nil {
		return source.Credential{}, err
	}
	if secret == nil || secret.LeaseDuration <= 0 {
		return source.Credential{}, d.login.failure("renew", renewPath, errors.New("the lease was not extended"))
	}
	c = known.renewed(c, asked, time.Duration(secret.LeaseDuration)*time.Second, want)
	d.update(c)
	return c, nil
}

// increment is how long the lease shall live after a renewal.
func (d *Dynamic) increment(known lease) time.Duration {
	want := d.opts.Increment
	if want == 0 {
		want = known.life
	}
	if !known.end.IsZero() {
		left := time.Until(known.end)
		want = max(want, (left + time.Second - 1).Truncate(time.Second))
	}
	return want
}

// Retire implements source.Retirer: it revokes c's lease, and returns when the database user is gone.
func (d *Dynamic) Retire(ctx context.Context, c source.Credential) error {
	d.forget(c)
	switch source.RetireReason(ctx) {
	case source.Drained:
		if d.opts.KeepDrained {
			return nil
		}
	case source.Refused:
		if d.opts.KeepRefused {
			return nil
		}
	case source.Closed:
		if d.opts.KeepLast {
			return nil
		}
	}
	_, err := d.login.request(ctx, "revoke", http.MethodPut, revokePath, revocation(c))
	return err
}

// lastLife returns how long the lease lives that was made last; 0: none was.
func (d *Dynamic) lastLife() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.life
}

// remember keeps what is known of c's lease, and drops what has ended.
func (d *Dynamic) remember(c source.Credential, known lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for id, l := range d.leases {
		if l.end.Before(now) {
			delete(d.leases, id)
		}
	}
	d.leases[c.Version] = known
	d.life = known.life
}

// update notes the new end of c's lease, if it is a known one.
func (d *Dynamic) update(c source.Credential) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, ok := d.leases[c.Version]; ok {
		known.end = c.ExpiresAt
		d.leases[c.Version] = known
	}
}

func (d *Dynamic) lookUp(c source.Credential) lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leases[c.Version]
}

func (d *Dynamic) forget(c source.Credential) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.leases, c.Version)
}

var _ interface {
	source.Source
	source.Renewer
	source.Retirer
} = (*Dynamic)(nil)

// renewPath extends a lease.
const renewPath = "sys/leases/renew"

package vault

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// lender makes leases. A request for one is not cut off when its caller goes: within Vault that may leave a database user
// without a lease, whom nobody drops. What comes too late for its caller is kept for whoever asks next, and given back
// when nobody does.
type lender struct {
	login *Login
	path  string
	spare chan loan // unbuffered: who has made a loan owns it until it is taken
}

// loan is a lease, as it was made.
type loan struct {
	credential source.Credential
	lease      lease
}

const (
	// lateLimit is how long a request goes on for nobody.
	lateLimit = 15 * time.Second
	// spareLimit is how long a loan is kept for whoever asks next, while half of its life is left.
	spareLimit = 10 * time.Second
)

func newLender(login *Login, path string) *lender {
	return &lender{login: login, path: path, spare: make(chan loan)}
}

// takeSpare returns a loan that came too late for somebody else, if there is one.
func (l *lender) takeSpare() (loan, bool) {
	select {
	case late := <-l.spare:
		return late, true
	default:
		return loan{}, false
	}
}

// lend asks for a lease with t, and takes one that comes too late for somebody else if that is sooner.
func (l *lender) lend(ctx context.Context, t *token) (loan, error) {
	type answer struct {
		loan loan
		err  error
	}
	answers, gone := make(chan answer), make(chan struct{})
	late, cutOff := context.WithCancel(context.Background())
	err := l.begin(ctx, func(ctx context.Context) {
		defer cutOff()
		made, err := l.ask(ctx, late, t)
		select {
		case answers <- answer{made, err}:
		case <-gone:
			if statusOf(err) == http.StatusForbidden {
				l.login.doubt(t)
			}
			l.offer(ctx, made, err)
		}
	})
	if err != nil {
		cutOff()
		return loan{}, err
	}
	defer close(gone)
	select {
	case a := <-answers:
		return a.loan, a.err
	case other := <-l.spare:
		endAfter(lateLimit, late, cutOff)
		return other, nil
	case <-ctx.Done():
		endAfter(lateLimit, late, cutOff)
		return loan{}, l.login.failure("read", l.path, context.Cause(ctx))
	}
}

// begin starts a request, unless the time for it is over.
func (l *lender) begin(ctx context.Context, work func(context.Context)) error {
	l.login.mu.Lock()
	defer l.login.mu.Unlock()
	switch {
	case l.login.closed:
		return ErrClosed
	case ctx.Err() != nil:
		return l.login.failure("read", l.path, context.Cause(ctx))
	}
	l.login.background(ctx, work)
	return nil
}

// endAfter ends ctx by cancel after a while, if it has not ended by then.
func endAfter(d time.Duration, ctx context.Context, cancel context.CancelFunc) {
	timer := time.AfterFunc(d, cancel)
	context.AfterFunc(ctx, func() { timer.Stop() })
}

// ask makes the request, until ctx or late ends.
func (l *lender) ask(ctx, late context.Context, t *token) (loan, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(late, cancel)()
	asked := time.Now()
	secret, err := t.send(ctx, "read", http.MethodGet, l.path, nil)
	switch {
	case err != nil:
		return loan{}, err
	case secret == nil:
		return loan{}, l.login.unusable("read", l.path, errNotVault)
	case secret.LeaseID == "":
		return loan{}, l.login.unusable("read", l.path, errNoLease)
	}
	made, err := loanOf(secret, t, asked)
	if err != nil { // it is of no use to anybody
		return loan{}, l.login.unusable("read", l.path, errors.Join(err, l.giveBack(ctx, made)))
	}
	return made, nil
}

var errNoLease = errors.New("the answer has no lease: is it a dynamic role of the database engine?")

// loanOf makes a loan of an answer.
func loanOf(secret *api.Secret, t *token, asked time.Time) (loan, error) {
	life := time.Duration(secret.LeaseDuration) * time.Second
	c, err := credentialOf(secret.Data, fields.Names{})
	if life <= 0 {
		err = errors.New("the lease has no duration")
	}
	c.Version = secret.LeaseID
	c.IssuedAt = asked.Round(0)
	c.ExpiresAt = t.capped(asked.Add(life).Round(0))
	return loan{credential: c, lease: lease{token: t, life: life, end: c.ExpiresAt}}, err
}

// offer keeps what came too late, for a while.
func (l *lender) offer(ctx context.Context, made loan, err error) {
	log := l.login.opts.Logger
	if err != nil {
		log.Warn("vault: a request that nobody waited for any more has failed", "error", err)
		return
	}
	patience := time.NewTimer(min(spareLimit, time.Until(made.lease.end)-made.lease.life/2))
	defer patience.Stop()
	select {
	case l.spare <- made:
		return
	case <-patience.C:
	case <-l.login.closing:
	}
	if err := l.giveBack(ctx, made); err != nil {
		log.Warn("vault: a lease that came too late for everybody is not revoked; it ends by itself",
			"lease", made.credential.Version, "ends", made.lease.end, "error", err)
	}
}

// giveBack revokes a lease with the token that has made it.
func (l *lender) giveBack(ctx context.Context, made loan) error {
	ctx, cancel := context.WithTimeout(ctx, closeTimeout)
	defer cancel()
	_, err := made.lease.token.send(ctx, "revoke", http.MethodPut, revokePath, revocation(made.credential))
	return err
}

// revokePath takes back a lease.
const revokePath = "sys/leases/revoke"

// revocation has Vault answer when the database user is gone.
func revocation(c source.Credential) any { return map[string]any{"lease_id": c.Version, "sync": true} }

package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source"
)

// upkeep is one attempt to have a token with time before it. It is not cut off when its caller goes: a login whose answer
// is lost leaves a token that nobody owns.
type upkeep struct {
	began time.Time
	done  chan struct{}
	token *token // once done is closed; nil if err is not
	err   error
}

const (
	// upkeepLimit bounds an attempt.
	upkeepLimit = 15 * time.Second
	// upkeepPatience is how long an attempt may keep those who have a token that still works.
	upkeepPatience = 3 * time.Second
)

// ready returns a token that has half of its life before it, if there is a way to one, else whatever still works. One that
// can be renewed is, where it would not live for need otherwise.
func (l *Login) ready(ctx context.Context, need time.Duration) (*token, error) {
	t, u, err := l.attend(ctx, need)
	if err != nil || u == nil {
		return t, err
	}
	if t == nil {
		return l.await(ctx, u)
	}
	patience, cancel := context.WithDeadline(ctx, u.began.Add(t.patience(ctx)))
	defer cancel()
	if next, err := l.await(patience, u); err == nil || errors.Is(err, ErrClosed) {
		return next, err
	}
	if ctx.Err() != nil || t.ended(time.Now()) {
		return l.await(ctx, u)
	}
	return t, nil
}

// sure is ready without the use of a token that is in doubt.
func (l *Login) sure(ctx context.Context, need time.Duration) (*token, error) {
	t, u, err := l.attend(ctx, need)
	if err != nil || u == nil {
		return t, err
	}
	return l.await(ctx, u)
}

// await waits for an attempt, until ctx ends.
func (l *Login) await(ctx context.Context, u *upkeep) (*token, error) {
	select {
	case <-u.done:
		return u.token, u.err
	case <-ctx.Done():
		return nil, l.failure("log in", "", context.Cause(ctx))
	}
}

// patience is how long whoever has t had better wait for one that is younger.
func (t *token) patience(ctx context.Context) time.Duration {
	patience := upkeepPatience
	if end := t.endsAt(); !end.IsZero() {
		patience = min(patience, time.Until(end)/3)
	}
	if deadline, limited := ctx.Deadline(); limited {
		patience = min(patience, time.Until(deadline)/3)
	}
	return patience
}

// attend returns the token in hand, if it works, and what is being done about it, if something must be.
func (l *Login) attend(ctx context.Context, need time.Duration) (*token, *upkeep, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	t := l.token
	switch {
	case l.closed:
		return nil, nil, ErrClosed
	case ctx.Err() != nil:
		return nil, nil, l.failure("log in", "", context.Cause(ctx))
	case t != nil && (t.ended(now) || l.auth == nil && l.value != l.caller.Token()):
		t = nil
	case t != nil && t.young(now) && !t.stretches(need, now) && l.suspect != t:
		return t, nil, nil
	}
	if l.upkeep == nil {
		u := &upkeep{began: now, done: make(chan struct{})}
		l.upkeep = u
		l.background(ctx, func(ctx context.Context) { l.run(ctx, u) })
	}
	return t, l.upkeep, nil
}

// run is an attempt, from its beginning to its end.
func (l *Login) run(ctx context.Context, u *upkeep) {
	ctx, cancel := context.WithTimeout(ctx, upkeepLimit)
	defer cancel()
	attempt := l.keep
	if l.auth == nil {
		attempt = l.callers
	}
	u.token, u.err = attempt(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.upkeep = nil
	close(u.done)
}

// inHand returns the token in use.
func (l *Login) inHand() *token {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.token
}

// keep renews the token, or gets another one.
func (l *Login) keep(ctx context.Context) (*token, error) {
	t := l.inHand()
	if t != nil && l.suspects(t) && t.denied(ctx) {
		l.putAway(t)
		return l.logIn(ctx)
	}
	if t == nil || t.ended(time.Now()) {
		return l.logIn(ctx)
	}
	renewErr := t.renew(ctx)
	if t.young(time.Now()) {
		if renewErr != nil {
			l.stillWorks(t, renewErr)
		}
		return t, nil
	}
	next, err := l.logIn(ctx)
	switch {
	case err == nil:
		return next, nil
	case errors.Is(err, ErrClosed):
		return nil, err
	case t.ended(time.Now()):
		if renewErr != nil { // whether trying again helps is the login's to say
			err = fmt.Errorf("%w; and the token before has ended: %v", err, renewErr)
		}
		return nil, err
	}
	l.stillWorks(t, errors.Join(err, renewErr))
	return t, nil
}

// suspects reports whether t is in doubt, which it is not any more: the caller finds out.
func (l *Login) suspects(t *token) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	doubtful := l.suspect == t
	l.suspect = nil
	return doubtful
}

// stillWorks says that a token should be younger than it is.
func (l *Login) stillWorks(t *token, err error) {
	l.opts.Logger.Warn("vault: the token is neither renewed nor replaced; it still works", "ends", t.endsAt(), "error", err)
}

// logIn gets a new token.
func (l *Login) logIn(ctx context.Context) (*token, error) {
	client, err := l.base.CloneWithHeaders()
	if err != nil {
		return nil, fmt.Errorf("vault: copying the client: %w", err)
	}
	asked := time.Now()
	secret, err := l.auth.Login(ctx, client)
	if err != nil {
		return nil, l.failure("log in", "", withoutNewlines(err))
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		reason := "the auth method gave no token"
		if secret != nil && secret.Auth != nil && secret.Auth.MFARequirement != nil {
			reason = "it asks for a second factor, which nobody is there to give"
		}
		return nil, l.unusable("log in", "", errors.New(reason))
	}
	client.SetToken(secret.Auth.ClientToken)
	life := time.Duration(secret.Auth.LeaseDuration) * time.Second
	t := newToken(client, l.address, true, life, secret.Auth.Renewable, asked)
	if t.counted(ctx) {
		return nil, errors.Join(l.unusable("log in", "", errUses), l.revoke(ctx, []*token{t}))
	}
	l.opts.Logger.Info("vault: logged in", "address", l.address, "ends", t.endsAt(), "policies", secret.Auth.Policies)
	return t, l.adopt(t)
}

// adopt makes t the token in use. One that comes while the login is being closed is revoked with the others.
func (l *Login) adopt(t *token) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token != nil && l.token.own {
		l.token.forgo()
		l.former = append(l.former, l.token)
	}
	l.former = slices.DeleteFunc(l.former, func(t *token) bool { return t.ended(time.Now()) })
	l.token = t
	if l.closed {
		return ErrClosed
	}
	return nil
}

// callers returns the caller's own token. How long it lives is looked up, and again when half of that is over, or a lease
// would outlive it: the caller may have renewed it.
func (l *Login) callers(ctx context.Context) (*token, error) {
	value := l.caller.Token()
	if value == "" {
		return nil, source.Permanent(errors.New("vault: the client has no token: set one (VAULT_TOKEN), or give NewLogin an auth method"))
	}
	t := l.inHand()
	if t == nil || t.client.Token() != value { // else what it has made shares what is found out about it
		client, err := l.base.CloneWithHeaders()
		if err != nil {
			return nil, fmt.Errorf("vault: copying the client: %w", err)
		}
		client.SetToken(value)
		t = newToken(client, l.address, false, 0, false, time.Now())
	}
	if err := t.lookUp(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token, l.value = t, value
	return t, nil
}

// withoutNewlines fits the errors of Vault's auth packages into a line; those of Vault itself stay what they are.
func withoutNewlines(err error) error {
	var answer *api.ResponseError
	if errors.As(err, &answer) {
		return err
	}
	if text := err.Error(); strings.ContainsRune(text, '\n') {
		return errors.New(strings.Join(strings.Fields(text), " "))
	}
	return err
}

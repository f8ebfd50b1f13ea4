package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/source"
)

var errNotVault = errors.New("the answer is not Vault's")

// Login is a login at Vault, shared by the sources that it makes. It is safe for concurrent use. The only goroutines that
// it has are those of requests for leases: see [Dynamic.Fetch].
type Login struct {
	base   *api.Client    // without a token
	caller *api.Client    // whose token is used where there is no auth
	auth   api.AuthMethod // nil: the caller sees to the token
	opts   LoginOptions

	turn chan struct{} // whoever sees to the token has it

	// What goes on beyond its callers' contexts: see background.
	work    sync.WaitGroup
	closing chan struct{}   // closed by Close
	beyond  context.Context // ends when Close does not wait any longer
	cutOff  context.CancelFunc

	mu     sync.Mutex // guards the rest
	token  *token     // the one in use; nil before the first login, and after one that came to nothing
	former []*token   // of earlier logins; what they have made may still be in use
	value  string     // of the caller's token
	closed bool
}

// LoginOptions are the settings of a [Login]. The zero value is usable.
type LoginOptions struct {
	// KeepToken leaves the tokens that the login has got to their own end. By default Close revokes them, and with them
	// whatever leases they still have.
	KeepToken bool

	// Logger is told when the login logs in, and when it cannot though its token still works. Defaults to none.
	Logger *slog.Logger
}

// NewLogin returns a login at the Vault of client, with its address, namespace, TLS and headers. Nothing is asked yet.
//
// auth says how to log in: Vault's own packages for AppRole, userpass and others ([Kubernetes] for its service accounts),
// or anything with that method. With nil, client's own token is used, and it is the caller who keeps it alive: what he sets
// on client is taken over.
//
// client stays the caller's. The caller closes the Login, after the pools that use its sources.
func NewLogin(client *api.Client, auth api.AuthMethod, opts *LoginOptions) (*Login, error) {
	if client == nil {
		return nil, errors.New("vault: client is nil: make one with api.NewClient")
	}
	l := &Login{caller: client, auth: auth, turn: make(chan struct{}, 1), closing: make(chan struct{})}
	l.beyond, l.cutOff = context.WithCancel(context.Background())
	if opts != nil {
		l.opts = *opts
	}
	if l.opts.Logger == nil {
		l.opts.Logger = slog.New(slog.DiscardHandler)
	}
	base, err := client.CloneWithHeaders()
	if err != nil {
		return nil, fmt.Errorf("vault: copying the client: %w", err)
	}
	base.ClearToken()
	base.SetCheckRetry(comeAgain)
	l.base = base
	return l, nil
}

// comeAgain has a request repeated only where Vault has refused it unseen and says, or implies, when to come again, and
// where that is soon enough for whoever waits.
func comeAgain(ctx context.Context, response *http.Response, err error) (bool, error) {
	if err != nil || response == nil || waiterOf(ctx).Err() != nil {
		return false, nil
	}
	switch response.StatusCode {
	case http.StatusPreconditionFailed: // this node has not seen yet what we have seen at another
		return true, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		after, err := strconv.Atoi(response.Header.Get("Retry-After"))
		if err != nil {
			return false, nil // a time of day is not what Vault says, and no header means that the pool's backoff decides
		}
		deadline, limited := waiterOf(ctx).Deadline()
		return !limited || time.Until(deadline) > time.Duration(after)*time.Second, nil
	default:
		return false, nil
	}
}

// waiterKey is where the context of a request that goes on for nobody has that of who asked for it.
type waiterKey struct{}

// waiterOf returns the context of whoever waits for a request.
func waiterOf(ctx context.Context) context.Context {
	if waiter, ok := ctx.Value(waiterKey{}).(context.Context); ok {
		return waiter
	}
	return ctx
}

// Close waits up to five seconds for leases that are being made for nobody any more, gives them back, and revokes the
// tokens that the login has got, unless told to keep them. It may be called again. Sources of the login fail afterwards.
func (l *Login) Close() error {
	tokens := l.begin()
	patience := time.AfterFunc(closeTimeout, l.cutOff)
	l.work.Wait()
	patience.Stop()
	l.cutOff()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	for _, t := range tokens {
		if t.own && !l.opts.KeepToken && !t.batch() && !t.ended(time.Now()) {
			_, err := t.send(ctx, "revoke token", http.MethodPut, "auth/token/revoke-self", nil)
			if statusOf(err) == http.StatusForbidden {
				err = nil // it was revoked before us
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// begin is the first part of closing: from here on nobody is served. It returns the tokens that there are.
func (l *Login) begin() []*token {
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := l.former
	if l.token != nil {
		tokens = append(tokens, l.token)
	}
	if !l.closed {
		close(l.closing)
	}
	l.token, l.former, l.closed = nil, nil, true
	return tokens
}

// closeTimeout bounds either half of Close.
const closeTimeout = 5 * time.Second

// background runs work in a goroutine of the login's, which Close waits for. The context that it gets has ctx's values,
// and ends when Close has no more patience.
func (l *Login) background(ctx context.Context, work func(context.Context)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.work.Go(func() {
		ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), waiterKey{}, ctx))
		defer cancel()
		defer context.AfterFunc(l.beyond, cancel)()
		work(ctx)
	})
	return nil
}

// request makes a request with a token that has time before it.
func (l *Login) request(ctx context.Context, op, method, path string, body any) (secret *api.Secret, err error) {
	err = l.with(ctx, 0, func(t *token) error {
		secret, err = t.send(ctx, op, method, path, body)
		return err
	})
	return secret, err
}

// with does what needs a token, with one that has time before it, and that lives for need if it can be made to. Where the
// token was taken from us, it logs in anew and does it once more.
func (l *Login) with(ctx context.Context, need time.Duration, do func(*token) error) error {
	t, err := l.ready(ctx, need)
	if err != nil {
		return err
	}
	err = do(t)
	if statusOf(err) != http.StatusForbidden || !l.lost(ctx, t) {
		return err
	}
	if t, err = l.ready(ctx, need); err != nil {
		return err
	}
	return do(t)
}

func (l *Login) read(ctx context.Context, path string) (*api.Secret, error) {
	secret, err := l.request(ctx, "read", http.MethodGet, path, nil)
	if err == nil && secret == nil {
		err = failure("read", path, l.base.Address(), errNotVault)
	}
	return secret, err
}

// lost reports whether a token that was denied something is not good for anything, and forgets it then.
func (l *Login) lost(ctx context.Context, t *token) bool {
	if l.auth == nil {
		return l.caller.Token() != t.client.Token() // the caller has set another one meanwhile
	}
	_, err := t.send(ctx, "look up token", http.MethodGet, "auth/token/lookup-self", nil)
	if statusOf(err) != http.StatusForbidden {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == t {
		l.token = nil
	}
	return true
}

// ready returns a token that has half of its life before it, if there is a way to one, else whatever still works. One that
// can be renewed is, where it would not live for need otherwise.
func (l *Login) ready(ctx context.Context, need time.Duration) (*token, error) {
	if t, err := l.current(need); err != nil || t != nil {
		return t, err
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if t, err := l.current(need); err != nil || t != nil { // somebody else has seen to it
		return t, err
	}
	if l.auth == nil {
		return l.callers(ctx)
	}
	return l.keep(ctx)
}

// current returns the token in use if nothing needs to be done about it, else nil.
func (l *Login) current(need time.Duration) (*token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case l.token == nil, l.auth == nil && l.value != l.caller.Token(), !l.token.young(time.Now()), l.token.stretches(need, time.Now()):
		return nil, nil
	}
	return l.token, nil
}

// keep renews the token, or gets another one.
func (l *Login) keep(ctx context.Context) (*token, error) {
	l.mu.Lock()
	t := l.token
	l.mu.Unlock()
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
	case errors.Is(err, ErrClosed) || t.ended(time.Now()):
		return nil, errors.Join(err, renewErr)
	}
	l.stillWorks(t, errors.Join(err, renewErr))
	return t, nil
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
		return nil, failure("log in", "", l.base.Address(), withoutNewlines(err))
	}
	if secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "" {
		reason := "the auth method gave no token"
		if secret != nil && secret.Auth != nil && secret.Auth.MFARequirement != nil {
			reason = "it asks for a second factor, which nobody is there to give"
		}
		return nil, source.Permanent(failure("log in", "", l.base.Address(), errors.New(reason)))
	}
	client.SetToken(secret.Auth.ClientToken)
	t := newToken(client, true, time.Duration(secret.Auth.LeaseDuration)*time.Second, secret.Auth.Renewable, asked)
	l.opts.Logger.Info("vault: logged in", "address", l.base.Address(), "ends", t.endsAt(), "policies", secret.Auth.Policies)
	return t, l.adopt(t)
}

// adopt makes t the token in use.
func (l *Login) adopt(t *token) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed // a token without a login to own it lives to its end
	}
	if l.token != nil && l.token.own {
		l.former = append(l.former, l.token)
	}
	l.former = slices.DeleteFunc(l.former, func(t *token) bool { return t.ended(time.Now()) })
	l.token = t
	return nil
}

// callers returns the caller's own token. How long it lives is looked up once.
func (l *Login) callers(ctx context.Context) (*token, error) {
	value := l.caller.Token()
	if value == "" {
		return nil, source.Permanent(errors.New("vault: the client has no token: set one (VAULT_TOKEN), or give NewLogin an auth method"))
	}
	client, err := l.base.CloneWithHeaders()
	if err != nil {
		return nil, fmt.Errorf("vault: copying the client: %w", err)
	}
	client.SetToken(value)
	t := newToken(client, false, 0, false, time.Now())
	asked := time.Now()
	secret, err := t.send(ctx, "look up token", http.MethodGet, "auth/token/lookup-self", nil)
	switch {
	case err == nil:
		life, err := secret.TokenTTL()
		if err != nil {
			return nil, failure("look up token", "auth/token/lookup-self", l.base.Address(), errNotVault)
		}
		t.full = life
		t.lives(life, asked)
	case statusOf(err) != http.StatusForbidden: // a token may be forbidden to look itself up
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
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

package vault

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

var errNotVault = errors.New("the answer is not Vault's")

// Login is a login at Vault, shared by the sources that it makes. It is safe for concurrent use. The only goroutines that
// it has are those of logins, renewals of its token and requests for leases that are under way; Close waits for them.
type Login struct {
	base    *api.Client    // without a token
	caller  *api.Client    // whose token is used where there is no auth
	auth    api.AuthMethod // nil: the caller sees to the token
	opts    LoginOptions
	address string // Vault's, without a password

	// What goes on beyond its callers' contexts: see background.
	work    sync.WaitGroup
	closing chan struct{}   // closed by Close
	beyond  context.Context // ends when Close does not wait any longer
	cutOff  context.CancelFunc

	mu        sync.Mutex // guards the rest
	token     *token     // the one in use; nil before the first login, and after one that came to nothing
	value     string     // of the caller's token
	former    []*token   // of earlier logins; what they have made may still be in use
	upkeep    *upkeep    // that is under way; nil: none is
	suspect   *token     // one that was denied something: it may have been revoked
	muteUntil time.Time  // until then a denied lookup says nothing about a token
	closed    bool
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
// or anything with that method. With nil, client's own token is used, and it is the caller who keeps it alive: a token that
// he sets on client later is taken over. Everything else is client's at this moment.
//
// client stays the caller's. The caller closes the Login, after the pools that use its sources.
func NewLogin(client *api.Client, auth api.AuthMethod, opts *LoginOptions) (*Login, error) {
	if client == nil {
		return nil, errors.New("vault: client is nil: make one with api.NewClient")
	}
	l := &Login{caller: client, auth: auth, closing: make(chan struct{}), address: addressOf(client)}
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

// addressOf returns client's address as it may be shown: one with a password is for a proxy in front of Vault.
func addressOf(client *api.Client) string {
	address, err := url.Parse(client.Address())
	if err != nil {
		return "an address that is no URL" // which the client does not take
	}
	return address.Redacted()
}

// request makes a request with a token that has time before it.
func (l *Login) request(ctx context.Context, op, method, path string, body any) (secret *api.Secret, err error) {
	err = l.with(ctx, 0, func(t *token) error {
		secret, err = t.send(ctx, op, method, path, body)
		return err
	})
	return secret, err
}

func (l *Login) read(ctx context.Context, path string) (*api.Secret, error) {
	secret, err := l.request(ctx, "read", http.MethodGet, path, nil)
	if err == nil && secret == nil {
		err = l.unusable("read", path, errNotVault)
	}
	return secret, err
}

// with does what needs a token, with one that has time before it, and that lives for need if a renewal can make it. Where the
// token was taken from us, it logs in anew and does it once more.
func (l *Login) with(ctx context.Context, need time.Duration, do func(*token) error) error {
	t, err := l.ready(ctx, need)
	if err != nil {
		return err
	}
	err = do(t)
	if statusOf(err) != http.StatusForbidden || !l.doubt(t) {
		return err
	}
	next, readyErr := l.sure(ctx, need)
	switch {
	case readyErr != nil:
		return errors.Join(readyErr, errors.Unwrap(err)) // whether trying again helps is the login's to say
	case next == t:
		return err // it is the policy that denies
	}
	err = do(next)
	if statusOf(err) == http.StatusForbidden && next.denied(ctx) {
		l.mute()
	}
	return err
}

// doubt notes that t was denied something, and reports whether it may have been taken from us.
func (l *Login) doubt(t *token) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.auth == nil:
		return l.caller.Token() != t.client.Token() // the caller has set another one meanwhile
	case time.Now().Before(l.muteUntil):
		return false
	case l.token == t:
		l.suspect = t
	}
	return true
}

// putAway ends the use of a token that is not good for anything. It may be alive, and only forbidden to look itself up: Close
// revokes it with the others.
func (l *Login) putAway(t *token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.token == t {
		l.token = nil
		l.former = append(l.former, t)
	}
}

// muteFor is how long tokens are not suspected any more after a fresh one was denied to look itself up.
const muteFor = 10 * time.Minute

// mute takes note that the policies forbid tokens to look themselves up.
func (l *Login) mute() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.muteUntil = time.Now().Add(muteFor)
}

// failure describes why a request failed: see failure.
func (l *Login) failure(op, path string, err error) error { return failure(op, path, l.address, err) }

// unusable describes an answer that nothing can be made of: see unusable.
func (l *Login) unusable(op, path string, err error) error {
	return unusable(op, path, l.address, err)
}

package vault

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/source"
)

// ErrClosed is what requests fail with after Login.Close. Trying again does not help: it is permanent.
var ErrClosed = source.Permanent(errors.New("vault: login is closed"))

// closeTimeout bounds either half of Close.
const closeTimeout = 5 * time.Second

// Close waits for what is under way, gives back leases that were made for nobody any more, and revokes the
// tokens that the login has got, unless told to keep them. Each of the two has five seconds. It may be called again. Sources
// of the login fail from its beginning on.
func (l *Login) Close() error {
	l.begin()
	patience := time.AfterFunc(closeTimeout, l.cutOff)
	l.work.Wait()
	patience.Stop()
	l.cutOff()
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return l.revoke(ctx, l.takeTokens())
}

// begin is the first part of closing: from here on nobody is served.
func (l *Login) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.closing)
	}
}

// takeTokens returns the tokens that there are, those included that came while the login was being closed.
func (l *Login) takeTokens() []*token {
	l.mu.Lock()
	defer l.mu.Unlock()
	tokens := l.former
	if l.token != nil {
		tokens = append(tokens, l.token)
	}
	l.token, l.former = nil, nil
	return tokens
}

// revoke gives tokens back, all at once: one that hangs is in nobody's way.
func (l *Login) revoke(ctx context.Context, tokens []*token) error {
	errs := make([]error, len(tokens))
	var revoking sync.WaitGroup
	for i, t := range tokens {
		if !t.own || l.opts.KeepToken || t.batch() || t.ended(time.Now()) {
			continue
		}
		revoking.Go(func() {
			_, err := t.send(ctx, "revoke token", http.MethodPut, "auth/token/revoke-self", nil)
			if statusOf(err) == http.StatusForbidden && t.denied(ctx) { // it was revoked before us, or may do nothing
				l.opts.Logger.Warn("vault: a token could not be revoked: it is revoked already, or its policies lack the default one", "ends", t.endsAt())
				err = nil
			}
			errs[i] = err
		})
	}
	revoking.Wait()
	return errors.Join(errs...)
}

// open says whether the login may be used.
func (l *Login) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	return nil
}

// background runs work in a goroutine of the login's, which Close waits for. The context that it gets has ctx's values,
// and ends when Close has no more patience. The caller holds mu.
func (l *Login) background(ctx context.Context, work func(context.Context)) {
	l.work.Go(func() {
		ctx, cancel := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), waiterKey{}, ctx))
		defer cancel()
		defer context.AfterFunc(l.beyond, cancel)()
		work(ctx)
	})
}

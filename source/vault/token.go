package vault

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// token is one token of Vault's, and a client that uses it.
type token struct {
	client  *api.Client
	address string // Vault's, as it may be shown
	own     bool   // made by a login of ours

	mu        sync.Mutex    // guards the rest
	end       time.Time     // by the wall clock and, unless it was read from there, by the monotonic one; zero: it does not end
	full      time.Duration // the life that it was given first, or had when it was looked up
	renewable bool          // as far as we know: one that was cut short is at its max_ttl
}

// newToken returns a token whose life was told by an answer to what was asked then.
func newToken(client *api.Client, address string, own bool, life time.Duration, renewable bool, asked time.Time) *token {
	t := &token{client: client, address: address, own: own, full: life}
	t.renewable = renewable && !t.batch()
	t.lives(life, asked)
	return t
}

func (t *token) lives(life time.Duration, asked time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = time.Time{}
	if life > 0 {
		t.end = asked.Add(life)
	}
}

// endsAt returns when the token ends, by the wall clock; zero: never.
func (t *token) endsAt() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end.Round(0)
}

// left is how much of the token's life is left, by the clock that says less: one may have been set back, the other stands
// still while a machine sleeps. The caller holds mu.
func (t *token) left(now time.Time) time.Duration {
	return min(t.end.Sub(now), t.end.Round(0).Sub(now.Round(0)))
}

// young reports whether at least half of the token's life is left.
func (t *token) young(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.end.IsZero() || t.left(now) >= t.full/2
}

// stretches reports whether the token ends before need is over and a renewal would make it live for longer, or, if it is
// the caller's, may have made it. A tenth of its life more is not worth a request.
func (t *token) stretches(need time.Duration, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return (t.renewable || !t.own) && !t.end.IsZero() && t.left(now) < min(need, t.full*9/10)
}

func (t *token) ended(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.end.IsZero() && t.left(now) <= 0
}

// batch reports whether it is one that Vault does not keep: it is neither renewed nor revoked.
func (t *token) batch() bool {
	value := t.client.Token()
	return strings.HasPrefix(value, "hvb.") || strings.HasPrefix(value, "b.")
}

// renew asks for the life that the token was given first.
func (t *token) renew(ctx context.Context) error {
	if !t.mayRenew() {
		return nil
	}
	asked := time.Now()
	secret, err := t.send(ctx, "renew token", http.MethodPut, "auth/token/renew-self",
		map[string]any{"increment": int(t.full / time.Second)})
	if statusOf(err) == http.StatusForbidden {
		t.forgo()
	}
	if err != nil {
		return err
	}
	if secret != nil && secret.Auth != nil {
		granted := time.Duration(secret.Auth.LeaseDuration) * time.Second
		t.lives(granted, asked)
		t.noteCut(granted)
	}
	return nil
}

// errUses is about tokens that end with their last use, and everything that they have made with them.
var errUses = errors.New("the token has a limit of uses, and its leases end with the last: have token_num_uses be 0")

const lookUpPath = "auth/token/lookup-self"

// lookUp finds out how long the token lives. One that is forbidden to look itself up is taken for one without an end.
func (t *token) lookUp(ctx context.Context) error {
	asked := time.Now()
	secret, err := t.send(ctx, "look up token", http.MethodGet, lookUpPath, nil)
	switch {
	case statusOf(err) == http.StatusForbidden:
		return nil
	case err != nil:
		return err
	}
	life, err := secret.TokenTTL()
	if err != nil {
		return unusable("look up token", lookUpPath, t.address, errNotVault)
	}
	if hasUses(secret) {
		return unusable("look up token", lookUpPath, t.address, errUses)
	}
	t.mu.Lock()
	t.full = life
	t.mu.Unlock()
	t.lives(life, asked)
	return nil
}

// counted reports whether the token has a limit of uses, which an answer to a login does not tell. What cannot be looked up
// is taken for one without.
func (t *token) counted(ctx context.Context) bool {
	secret, err := t.send(ctx, "look up token", http.MethodGet, lookUpPath, nil)
	return err == nil && secret != nil && hasUses(secret)
}

func hasUses(secret *api.Secret) bool {
	uses, ok := secret.Data["num_uses"].(json.Number)
	return ok && uses != "0"
}

// denied reports whether Vault denies the token everything, or at least to look itself up.
func (t *token) denied(ctx context.Context) bool {
	_, err := t.send(ctx, "look up token", http.MethodGet, lookUpPath, nil)
	return statusOf(err) == http.StatusForbidden
}

// forgo has nobody ask for renewals any more.
func (t *token) forgo() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.renewable = false
}

func (t *token) mayRenew() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.renewable
}

// noteCut remembers of a token that was renewed, and got much less than its first life, that no renewal helps it any more.
func (t *token) noteCut(granted time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if granted > 0 && granted < t.full*3/4 {
		t.renewable = false
	}
}

// capped returns end, or the token's if that is earlier: nothing that a token has made outlives it.
func (t *token) capped(end time.Time) time.Time {
	if own := t.endsAt(); !own.IsZero() && own.Before(end) {
		return own
	}
	return end
}

// send makes one request. A body of nil means none.
func (t *token) send(ctx context.Context, op, method, path string, body any) (*api.Secret, error) {
	request := t.client.NewRequest(method, "/v1/"+path)
	if body != nil {
		if err := request.SetJSONBody(body); err != nil {
			return nil, failure(op, path, t.address, err)
		}
	}
	//lint:ignore SA1019 the methods that replace it turn a 404 into an empty answer
	response, err := t.client.RawRequestWithContext(ctx, request)
	if response != nil {
		defer response.Body.Close()
	}
	if err != nil {
		return nil, failure(op, path, t.address, err)
	}
	if response.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	secret, err := api.ParseSecret(response.Body)
	if err != nil {
		return nil, unusable(op, path, t.address, errNotVault)
	}
	return secret, nil
}

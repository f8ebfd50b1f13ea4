package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// clientTimeout bounds a request of a client that has no earlier deadline, as Vault's own client does.
const clientTimeout = 60 * time.Second

// vaultClients are the transports of a server's clients, whose connections have goroutines.
type vaultClients struct {
	mu         sync.Mutex // guards transports
	transports []*http.Transport
}

func (c *vaultClients) transport() *http.Transport {
	t := &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: clientTimeout}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.transports = append(c.transports, t)
	return t
}

// CloseIdleConnections closes the connections of all clients of the server that are not in use. Stop does it, too.
func (v *Vault) CloseIdleConnections() {
	v.clients.mu.Lock()
	defer v.clients.mu.Unlock()
	for _, t := range v.clients.transports {
		t.CloseIdleConnections()
	}
}

// RootToken is the token that may do everything. It has no end.
func (v *Vault) RootToken() string { return v.rootToken }

// Client returns a client with the root token, a new one each time: change it as you like. It does not try again what
// has failed. It panics when the environment has settings for Vault's clients that are wrong, such as a VAULT_CACERT
// that does not exist; right ones change nothing.
func (v *Vault) Client() *api.Client {
	client, err := v.newClient()
	if err != nil {
		panic(err)
	}
	client.SetToken(v.rootToken)
	return client
}

// newClient makes a client without a token.
func (v *Vault) newClient() (*api.Client, error) {
	client, err := api.NewClient(&api.Config{
		Address: v.Addr(),
		Timeout: clientTimeout,
		HttpClient: &http.Client{
			Transport:     v.clients.transport(),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making a client for the Vault test server; unset VAULT_* in the environment: %w", err)
	}
	client.ClearToken()
	client.ClearNamespace()
	return client, nil
}

// initialize gives the server its keys: one, so that one call unseals it.
func (v *Vault) initialize(ctx context.Context) error {
	keys, err := v.admin.Sys().InitWithContext(ctx, &api.InitRequest{SecretShares: 1, SecretThreshold: 1})
	if err != nil {
		return fmt.Errorf("initializing Vault: %w", err)
	}
	if len(keys.Keys) != 1 || keys.RootToken == "" {
		return fmt.Errorf("initializing Vault: want one key and a root token, got %d keys", len(keys.Keys))
	}
	v.unsealKey, v.rootToken = keys.Keys[0], keys.RootToken
	return nil
}

// Seal makes the server forget its keys: until [Vault.Unseal] it answers 503.
func (v *Vault) Seal(ctx context.Context) error {
	if err := v.admin.Sys().SealWithContext(ctx); err != nil {
		return fmt.Errorf("sealing Vault: %w", err)
	}
	return nil
}

// Unseal gives the server its key, and returns when it answers requests.
func (v *Vault) Unseal(ctx context.Context) error {
	status, err := v.admin.Sys().UnsealWithContext(ctx, v.unsealKey)
	if err == nil && status.Sealed {
		err = errors.New("it is sealed still")
	}
	if err == nil {
		err = v.awaitActive(ctx)
	}
	if err != nil {
		return fmt.Errorf("unsealing Vault: %w", err)
	}
	return nil
}

// awaitActive waits until the server has set up its engines.
func (v *Vault) awaitActive(ctx context.Context) error {
	return poll(ctx, func() (bool, error) {
		health, err := v.admin.Sys().HealthWithContext(ctx)
		if err != nil {
			return false, err
		}
		return !health.Sealed && !health.Standby, nil
	})
}

// write writes as root.
func (v *Vault) write(ctx context.Context, path string, fields map[string]any) error {
	if _, err := v.admin.Logical().WriteWithContext(ctx, path, fields); err != nil {
		return fmt.Errorf("writing %s in Vault: %w", path, err)
	}
	return nil
}

func field(secret *api.Secret, name string) string {
	if secret == nil {
		return ""
	}
	text, _ := secret.Data[name].(string)
	return text
}

// poll calls done until it says so or fails, or ctx ends.
func poll(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

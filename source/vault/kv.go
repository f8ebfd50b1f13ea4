package vault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hashicorp/vault/api"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Names tells which member of a secret holds which field of a credential. An empty name means the default: username,
// password, host, port and dbname. Host, Port and Database are optional in a secret.
type Names = fields.Names

// KVOptions are the settings of a [KV]. The zero value is usable.
type KVOptions struct {
	// Engine is the version of the key-value engine at the mount, 1 or 2. Defaults to 2.
	Engine int

	// Names are those of the secret's members.
	Names Names
}

// KV is a secret of the key-value engine. It implements source.Source and is safe for concurrent use. It does not expire
// and does not say when it changes: the pool polls it (managedpool's Options.PollInterval), with jitter.
type KV struct {
	login *Login
	path  string
	opts  KVOptions
}

// KV returns a source of the secret at path of the key-value engine at mount, as in "vault kv get -mount=secret app/db".
// A nil opts means the defaults.
func (l *Login) KV(mount, path string, opts *KVOptions) (*KV, error) {
	k := &KV{login: l}
	if opts != nil {
		k.opts = *opts
	}
	var err error
	switch k.opts.Engine {
	case 0, 2:
		k.opts.Engine = 2
		k.path, err = apiPath("KV", mount, "data", path)
	case 1:
		k.path, err = apiPath("KV", mount, "", path)
	default:
		err = fmt.Errorf("vault: KVOptions.Engine must be 1 or 2, is %d", k.opts.Engine)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// Fetch implements source.Source. Of engine 2 it returns the newest version, and its number and time are the Version; of
// engine 1, which has none, it is a fingerprint that is of no use outside of the process. A secret that
// was deleted is an error, and permanent.
func (k *KV) Fetch(ctx context.Context) (source.Credential, error) {
	secret, err := k.login.read(ctx, k.path)
	if err != nil {
		return source.Credential{}, err
	}
	c, err := k.parse(secret)
	if err != nil {
		return source.Credential{}, k.login.unusable("read", k.path, err)
	}
	return c, nil
}

func (k *KV) parse(secret *api.Secret) (source.Credential, error) {
	if k.opts.Engine == 1 {
		c, err := credentialOf(secret.Data, k.opts.Names)
		c.Version = versionOf("", c)
		return c, err
	}
	data, ok := secret.Data["data"].(map[string]any)
	meta, known := secret.Data["metadata"].(map[string]any)
	if !ok || !known {
		return source.Credential{}, errors.New("the answer is not that of a key-value engine of version 2: see KVOptions.Engine")
	}
	number, _ := meta["version"].(json.Number)
	created, _ := meta["created_time"].(string)
	if number == "" || created == "" {
		return source.Credential{}, errors.New("the answer has no version: see KVOptions.Engine")
	}
	c, err := credentialOf(data, k.opts.Names)
	c.Version = number.String() + "@" + created
	return c, err
}

var _ source.Source = (*KV)(nil)

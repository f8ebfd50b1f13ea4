package awssm

import (
	"fmt"
	"time"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Names tells which member of a secret holds which field of a credential. An empty name means the default, which is that of
// the secrets that RDS makes: username, password, host, port and dbname. Host, Port and Database are optional in
// a secret.
type Names = fields.Names

// Options are the settings of a [Source]. The zero value is usable.
type Options struct {
	// TTL is how long a new version may go unnoticed where nobody refuses the old one; it is looked for after three
	// quarters of it at the earliest. At least a second. Defaults to 5 minutes, which makes about 14 calls an hour.
	TTL time.Duration

	// RotationTTL is the same around the time at which Secrets Manager means to rotate the secret (NextRotationDate).
	// At least a second. Defaults to a tenth of TTL, or to 5 seconds if that is more; never more than TTL.
	RotationTTL time.Duration

	// NoPending leaves AWSPENDING alone when the server refuses AWSCURRENT. It saves a call where IAM forbids it anyhow;
	// that it is forbidden is not an error.
	NoPending bool

	// Previous also tries AWSPREVIOUS then. Not for alternating users: theirs is another login, and an older one.
	Previous bool

	// Names are those of the secret's members.
	Names Names

	// Parse makes a credential of a secret that is not such a JSON object; secret is its text, or its bytes. Version is
	// the Source's to set, and RefreshAfter is, unless Parse sets it. Its error must not quote the secret. Defaults to
	// JSON with Names.
	Parse func(secret []byte) (source.Credential, error)
}

const (
	defaultTTL     = 5 * time.Minute
	maxTTL         = 365 * 24 * time.Hour // as good as never
	minTTL         = time.Second
	minRotationTTL = 5 * time.Second
)

// complete checks o and fills in the defaults.
func (o *Options) complete() error {
	for _, f := range []struct {
		name  string
		value *time.Duration
	}{{"TTL", &o.TTL}, {"RotationTTL", &o.RotationTTL}} {
		if *f.value != 0 && *f.value < minTTL {
			return fmt.Errorf("awssm: Options.%s must be at least %v, is %v", f.name, minTTL, *f.value)
		}
	}
	if o.TTL == 0 {
		o.TTL = defaultTTL
	}
	o.TTL = min(o.TTL, maxTTL)
	if o.RotationTTL == 0 {
		o.RotationTTL = max(o.TTL/10, minRotationTTL)
	}
	o.RotationTTL = min(o.RotationTTL, o.TTL)
	o.Names = o.Names.Or(fields.Plain)
	if o.Parse == nil {
		names := o.Names
		o.Parse = func(secret []byte) (source.Credential, error) { return fields.JSON(secret, names) }
	}
	return nil
}

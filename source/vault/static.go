package vault

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/rekeyhq/rekey/internal/fields"
	"github.com/rekeyhq/rekey/source"
)

// Static is a static role of the database secrets engine: one database user, whose password Vault changes. It implements
// source.Source and is safe for concurrent use.
type Static struct {
	login *Login
	path  string

	mu   sync.Mutex // guards what follows
	last string     // the Version that was told last
	due  time.Time  // when its successor is expected
}

// Static returns a source of the password of a static role of the database engine at mount.
func (l *Login) Static(mount, role string) (*Static, error) {
	path, err := apiPath("Static", mount, "static-creds", role)
	if err != nil {
		return nil, err
	}
	return &Static{login: l, path: path}, nil
}

const (
	// staticGrace is how long after its time a new password is looked for: Vault tells whole seconds, and rotates late.
	staticGrace = time.Second
	// staticPatience is the longest wait for one that is late.
	staticPatience = time.Minute
)

// Fetch implements source.Source. The password does not expire; RefreshAfter is just after Vault is to change it. One that
// is late is looked for at longer and longer intervals, from one second to a minute: Vault's clock of a role may start
// anew a while before the password changes. The Version changes with the time of the rotation and with the password, so
// that a time which runs ahead of the password, or the other way round, hides nothing.
func (s *Static) Fetch(ctx context.Context) (source.Credential, error) {
	asked := time.Now()
	secret, err := s.login.read(ctx, s.path)
	if err != nil {
		return source.Credential{}, err
	}
	c, err := credentialOf(secret.Data, fields.Names{})
	if err != nil {
		return source.Credential{}, s.login.unusable("read", s.path, err)
	}
	rotated, _ := secret.Data["last_vault_rotation"].(string) // left out where Vault has not rotated yet
	c.Version = versionOf(rotated, c)
	ttl, err := seconds(secret.Data["ttl"])
	if err != nil {
		return source.Credential{}, s.login.unusable("read", s.path, err)
	}
	c.RefreshAfter = s.next(c.Version, ttl, asked.Round(0))
	return c, nil
}

// next returns when to look for the password that comes after version. Once the time for that has come, the password is late
// until the version changes, whatever Vault says: the ttl of a role with a schedule starts anew seconds before the
// password changes.
func (s *Static) next(version string, ttl time.Duration, asked time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if due := asked.Add(ttl); version != s.last || due.Before(s.due) {
		s.last, s.due = version, due
	}
	late := asked.Sub(s.due)
	if late < 0 {
		return s.due.Add(staticGrace)
	}
	return asked.Add(min(staticPatience, max(staticGrace, late/10)))
}

// seconds reads a number of seconds.
func seconds(value any) (time.Duration, error) {
	number, ok := value.(json.Number)
	if !ok {
		return 0, errors.New("the answer has no ttl: is it a static role of the database engine?")
	}
	n, err := number.Int64()
	if err != nil || n < 0 {
		return 0, errors.New("ttl is not a number of seconds")
	}
	return time.Duration(n) * time.Second, nil
}

var _ source.Source = (*Static)(nil)

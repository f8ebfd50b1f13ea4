package scenario

import (
	"context"
	"errors"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
	"github.com/rekeyhq/rekey/benchmarks/internal/store"
)

// Stage is what a script works with: the issuer's roles, the store, and the login of the moment. One script uses it, from
// one goroutine; Marks and Kills are read when that has ended.
type Stage struct {
	Roles *server.Roles
	Store *store.Store
	Every time.Duration // how often credentials rotate
	Marks []Mark
	Kills []load.Kill

	began   time.Time
	login   server.Login
	version int
}

// Mark is a moment of the script.
type Mark struct {
	At    time.Duration // since the stage began
	Label string
}

// How long before the stage's clock starts the first login is made, where that login's end is in the store from the
// beginning: time enough to open a pool and to warm it.
const (
	preparation        = 500 * time.Millisecond
	preparationPerConn = 20 * time.Millisecond
)

// ErrLate says that a stage was not ready in time: what the store said of the first login's end is not so.
var ErrLate = errors.New("the pool was not open and warm in time: the machine is too busy")

// tolerable is how late a stage may begin.
const tolerable = 50 * time.Millisecond

// NewStage issues the first login, for a pool of so many connections. It ends so long after the stage begins; 0: never.
func NewStage(ctx context.Context, roles *server.Roles, o server.RoleOptions, conns int, end time.Duration) (*Stage, error) {
	login, err := roles.Issue(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Stage{Roles: roles, Every: Every, login: login}
	var expires time.Time
	if end > 0 {
		s.began = time.Now().Add(preparation + time.Duration(conns)*preparationPerConn)
		expires = s.began.Add(end)
	}
	s.Store = store.New(s.secret(expires))
	return s, nil
}

// Begin starts the stage's clock, at the moment from which the first login's end was reckoned. It returns ErrLate where that has
// passed.
func (s *Stage) Begin(ctx context.Context) error {
	ends := !s.began.IsZero()
	if ends && time.Since(s.began) > tolerable {
		return ErrLate
	}
	s.until(ctx, 0)
	s.began = time.Now()
	return nil
}

// Began is when it was started.
func (s *Stage) Began() time.Time { return s.began }

// secret is the login of the moment as the store has it.
func (s *Stage) secret(expires time.Time) store.Secret {
	return store.Secret{
		User: s.login.User, Password: s.login.Password, Version: versionOf(s.version), IssuedAt: time.Now(), ExpiresAt: expires,
	}
}

// until waits for a moment of the script, and reports whether the run goes on.
func (s *Stage) until(ctx context.Context, at time.Duration) bool {
	timer := time.NewTimer(time.Until(s.began.Add(at)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (s *Stage) mark(label string) {
	s.Marks = append(s.Marks, Mark{At: time.Since(s.began), Label: label})
}

// publish puts a login that does not end into the store, under a version of its own.
func (s *Stage) publish(login server.Login) { s.put(login, time.Time{}) }

// lease is publish of a login that ends, and says when.
func (s *Stage) lease(login server.Login, end time.Duration) { s.put(login, s.began.Add(end)) }

func (s *Stage) put(login server.Login, end time.Time) {
	s.login = login
	s.version++
	s.Store.Put(s.secret(end))
}

// kill ends all sessions.
func (s *Stage) kill(ctx context.Context) error {
	from := time.Now()
	err := s.Roles.Kill(ctx)
	s.Kills = append(s.Kills, load.Kill{From: from, To: time.Now()})
	return err
}

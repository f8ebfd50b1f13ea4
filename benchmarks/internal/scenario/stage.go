package scenario

import (
	"context"
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

// NewStage issues the first login.
func NewStage(ctx context.Context, roles *server.Roles, o server.RoleOptions) (*Stage, error) {
	login, err := roles.Issue(ctx, o)
	if err != nil {
		return nil, err
	}
	s := &Stage{Roles: roles, Every: Every, login: login}
	s.Store = store.New(s.secret(time.Time{}))
	return s, nil
}

// Begin starts the stage's clock.
func (s *Stage) Begin() { s.began = time.Now() }

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

// expire says when the login of the moment ends. It stays the same login.
func (s *Stage) expire(at time.Duration) { s.Store.Put(s.secret(s.began.Add(at))) }

// kill ends all sessions.
func (s *Stage) kill(ctx context.Context) error {
	from := time.Now()
	err := s.Roles.Kill(ctx)
	s.Kills = append(s.Kills, load.Kill{From: from, To: time.Now()})
	return err
}

package scenario

import (
	"context"
	"strconv"
	"time"

	"github.com/rekeyhq/rekey/benchmarks/internal/load"
	"github.com/rekeyhq/rekey/benchmarks/internal/server"
)

// oneRotation is the least that a turn takes in which credentials rotate every so often: one of them, and the end of the old login.
const oneRotation = Lead + Overlap + 100*time.Millisecond

var password = Scenario{
	ID: "password", Short: "new password", Title: "A new password, quietly",
	Text: "Each 1.2 s the role gets another password, and the store has it at once. Sessions live on; only new logins need it, so a pool that does nothing wins:" +
		" there is nothing to gain here, only something to lose.",
	Length: oneRotation, Load: quiet, Script: changePasswords,
}

var newRole = Scenario{
	ID: "newrole", Short: "new role", Title: "A new role, and the old one is dropped",
	Text: "A new role each 1.2 s, as a secret store's database engine leases them; one second later the lease of the one before ends: it loses " +
		"its rights and is dropped. Sessions of a dropped role stay open and can read nothing.",
	Overlap: Overlap, End: Lead + Overlap,
	Length: oneRotation, Load: quiet, Script: rotateRoles,
}

var busy = Scenario{
	ID: "busy", Short: "new role, busy", Title: "The same with every connection busy",
	Text: "New roles as before, while three callers for each connection ask for 20 ms of work without a pause. The load is closed: a latency " +
		"counts from when the caller asked.",
	Overlap: Overlap, End: Lead + Overlap,
	Length: oneRotation, Load: saturating, Script: rotateRoles,
}

var limited = Scenario{
	ID: "limited", Short: "role's limit", Title: "The role's CONNECTION LIMIT equals the pool's size",
	Text: "Passwords change each 1.2 s, and the role has no session to spare: not for a second pool, not for checking a password beside a full one. " +
		"As with a new password, there is nothing to gain.",
	Length: oneRotation, Load: quiet, Script: changePasswords,
	Role: func(conns int) server.RoleOptions { return server.RoleOptions{ConnectionLimit: conns} },
}

var killed = Scenario{
	ID: "killed", Short: "killed, store late", Title: "Sessions killed, and the store lags",
	Text: "The role's password changes and all of its sessions are ended; the store has the new password one second later. No login works for that " +
		"second, and each caller has three: to wait is enough. Statements that find their session ended while all are being ended are counted apart: those in flight fail for everybody, and a pool that does not look loses one with each connection.",
	Length: 1700 * time.Millisecond,
	Load:   quiet, Script: killSessions,
}

var wrongPassword = Scenario{
	ID: "wrong", Short: "wrong password", Title: "A wrong new password",
	Text: "The store gets a new role with a password that is not its own; 0.8 s later it is right, and as much later again the old role is dropped. " +
		"The old login works throughout.",
	Length: 2200 * time.Millisecond, Overlap: wrongFor,
	Load: quiet, Script: publishWrong,
}

var cold = Scenario{
	ID: "cold", Short: "30 cold", Title: "30 connections at once, from cold",
	Text:  "A pool of 30 that has not opened a connection for anybody yet; 30 callers come at once, and each holds his connection for 200 ms. No rotation.",
	Conns: 30, Length: time.Millisecond, Fixed: true, Cold: true,
	Load: func(s Size) load.Load {
		return load.Load{Callers: s.Conns, SQL: s.Server.SlowQuery(200 * time.Millisecond), Rows: server.Rows, Deadline: 5 * time.Second}
	},
}

func changePasswords(ctx context.Context, s *Stage) error {
	for at := Lead; s.until(ctx, at); at += s.Every {
		next, err := s.Roles.ChangePassword(ctx, s.login)
		if err != nil {
			return err
		}
		s.publish(next)
		s.mark("password")
	}
	return nil
}

// rotateRoles ends each role when the next one has been in the store for the overlap, however often they rotate.
func rotateRoles(ctx context.Context, s *Stage) error {
	var ending []deadline // the earliest first
	for next := Lead; ; {
		at := next
		if len(ending) > 0 {
			at = min(at, ending[0].at)
		}
		if !s.until(ctx, at) {
			return nil
		}
		if at < next {
			if err := s.Roles.Revoke(ctx, ending[0].login); err != nil {
				return err
			}
			s.mark("old dropped")
			ending = ending[1:]
			continue
		}
		old := s.login
		login, err := s.Roles.Issue(ctx, server.RoleOptions{})
		if err != nil {
			return err
		}
		s.lease(login, time.Since(s.began)+s.Every+Overlap)
		s.mark("new role")
		ending = append(ending, deadline{old, time.Since(s.began) + Overlap})
		next += s.Every
	}
}

// deadline is when a login ends.
type deadline struct {
	login server.Login
	at    time.Duration
}

func killSessions(ctx context.Context, s *Stage) error {
	if !s.until(ctx, Lead) {
		return nil
	}
	next, err := s.Roles.ChangePassword(ctx, s.login)
	if err != nil {
		return err
	}
	s.mark("changed, killed")
	if err := s.kill(ctx); err != nil {
		return err
	}
	if s.until(ctx, Lead+time.Second) {
		s.publish(next)
		s.mark("store knows")
	}
	return nil
}

// wrongFor is how long the store has the wrong password, and how long the old role lives on after that.
const wrongFor = 800 * time.Millisecond

func publishWrong(ctx context.Context, s *Stage) error {
	if !s.until(ctx, Lead) {
		return nil
	}
	old := s.login
	next, err := s.Roles.Issue(ctx, server.RoleOptions{})
	if err != nil {
		return err
	}
	wrong := next
	wrong.Password = "wrong" + next.Password
	s.publish(wrong)
	s.mark("wrong password")
	if !s.until(ctx, Lead+wrongFor) {
		return nil
	}
	s.publish(next)
	s.mark("right password")
	if !s.until(ctx, Lead+2*wrongFor) {
		return nil
	}
	s.mark("old dropped")
	return s.Roles.Revoke(ctx, old)
}

func versionOf(n int) string { return "v" + strconv.Itoa(n) }
